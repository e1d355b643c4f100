%% actors.erl - the programs of bench/actors (program.h there says what each does) in Erlang, and the lines of bench.h.
%%
%% Started by the driver as   erl -noshell ... -s actors main -extra PROGRAM SCHEDULERS A B
%%
%% Where a case is about threads, processes are bound to schedulers with spawn_opt's option `scheduler`. It is not
%% documented, but without it the two ends would soon share a thread, which is another case.
-module(actors).
-export([main/0, rest/0]).

main() ->
    [Program | Numbers] = init:get_plain_arguments(),
    [Schedulers, A, B] = [list_to_integer(N) || N <- Numbers],
    Go = set_up(Program, Schedulers, A, B),
    io:format("ready Erlang/OTP ~s~n", [erlang:system_info(otp_release)]),
    follow_orders(Go).

follow_orders(Go) ->
    case io:get_line("") of
        "go " ++ Count ->
            io:format("done ~b~n", [Go(list_to_integer(string:trim(Count)))]),
            follow_orders(Go);
        _ ->
            erlang:halt(0, [{flush, true}])
    end.

set_up("ping-pong", Schedulers, Window, B) -> ping_pong(Schedulers, Window, B);
set_up("ring", _, Places, Tokens) -> ring(Places, Tokens);
set_up("many-to-one", Schedulers, Producers, Window) -> many_to_one(Schedulers, Producers, Window);
set_up("fan-out", _, Width, _) -> fan_out(Width);
set_up("spawn-stop", _, Batch, _) -> spawn_stop(Batch);
set_up("timers", _, CancelEvery, _) -> timers(CancelEvery);
set_up("idle", _, _, Hibernates) -> idle(Hibernates).

%% Schedulers are numbered from 1.
spawn_on(Scheduler, Fun) -> spawn_opt(Fun, [{scheduler, Scheduler}]).

%% A go that tells the process First, and gathers so many reports.
telling(First, Reports) ->
    fun(Count) ->
        First ! {go, Count},
        gather(Reports, 0)
    end.

gather(0, Sum) -> Sum;
gather(Reports, Sum) ->
    receive {done, Count} -> gather(Reports - 1, Sum + Count) end.

%% ---- ping-pong ----

-define(PARTNER, 2).

ping_pong(_, Window, ?PARTNER) ->
    Home = self(),
    telling(spawn(fun() -> with_partner(Home, Window) end), 1);
ping_pong(Schedulers, Window, _) ->
    Home = self(),
    Pong = spawn_on(Schedulers, fun() -> receive {peer, Ping} -> pong(Ping, 0) end end),
    Ping = spawn_on(1, fun() -> ping(Home, Pong, Window, 0) end),
    Pong ! {peer, Ping},
    telling(Ping, 1).

with_partner(Home, Window) ->
    Ping = self(),
    ping(Home, spawn(fun() -> pong(Ping, 0) end), Window, 0).

ping(Home, Pong, Window, Before) ->
    receive
        {go, Count} ->
            Trips = Count div 2,
            First = min(Window, Trips),
            send_pings(Pong, First),
            Seen = pings(Pong, Trips - First, Trips),
            Home ! {done, Trips + Seen - Before},
            ping(Home, Pong, Window, Seen)
    end.

send_pings(_, 0) -> ok;
send_pings(Pong, N) ->
    Pong ! {ping, N},
    send_pings(Pong, N - 1).

pings(Pong, Unsent, Unanswered) ->
    receive
        {pong, _} when Unsent > 0 ->
            Pong ! {ping, Unsent},
            pings(Pong, Unsent - 1, Unanswered - 1);
        {pong, Seen} when Unanswered =:= 1 ->
            Seen;
        {pong, _} ->
            pings(Pong, 0, Unanswered - 1)
    end.

pong(Ping, Seen) ->
    receive
        {ping, _} ->
            Ping ! {pong, Seen + 1},
            pong(Ping, Seen + 1)
    end.

%% ---- ring ----

ring(Places, Tokens) ->
    Home = self(),
    Last = spawn(fun() -> receive {next, Next} -> place(Home, Next) end end),
    Actors = list_to_tuple(chain(Home, Last, Places - 1, [Last])),
    Last ! {next, element(1, Actors)},
    fun(Count) ->
        Limit = Count div Tokens,
        [element(I * Places div Tokens + 1, Actors) ! {token, 0, Limit} || I <- lists:seq(0, Tokens - 1)],
        gather(Tokens, 0)
    end.

chain(_, _, 0, Actors) -> Actors;
chain(Home, Next, N, Actors) ->
    Pid = spawn(fun() -> place(Home, Next) end),
    chain(Home, Pid, N - 1, [Pid | Actors]).

place(Home, Next) ->
    receive
        {token, Hops, Limit} when Hops + 1 < Limit -> Next ! {token, Hops + 1, Limit};
        {token, Hops, _} -> Home ! {done, Hops + 1}
    end,
    place(Home, Next).

%% ---- many to one ----

many_to_one(Schedulers, Producers, Window) ->
    Home = self(),
    Consumer = spawn_opt(fun() -> consumer(Home, Producers, Window div 2) end,
                         [{scheduler, 1}, {message_queue_data, off_heap}]),
    Pids = [spawn_on(2 + I rem (Schedulers - 1), fun() -> producer(Consumer, Window) end)
            || I <- lists:seq(0, Producers - 1)],
    fun(Count) ->
        [Pid ! {go, Count div Producers} || Pid <- Pids],
        gather(1, 0)
    end.

%% Every Half messages of a producer it gets that much credit.
consumer(Home, Producers, Half) ->
    Home ! {done, consume(Producers, Half, #{}, 0)},
    consumer(Home, Producers, Half).

consume(0, _, _, Count) -> Count;
consume(Producers, Half, Unanswered, Count) ->
    receive
        {item, From} ->
            case Unanswered of
                #{From := N} when N + 1 < Half ->
                    consume(Producers, Half, Unanswered#{From := N + 1}, Count + 1);
                #{From := N} ->
                    From ! {credit, N + 1},
                    consume(Producers, Half, Unanswered#{From := 0}, Count + 1);
                _ ->
                    consume(Producers, Half, Unanswered#{From => 1}, Count + 1)
            end;
        {finished, _} ->
            consume(Producers - 1, Half, Unanswered, Count)
    end.

producer(Consumer, Window) ->
    receive
        {go, Count} ->
            produce(Consumer, Count, Window, Window),
            Consumer ! {finished, self()};
        {credit, _} ->
            ok
    end,
    producer(Consumer, Window).

produce(_, 0, _, _) -> ok;
produce(Consumer, Left, 0, Window) ->
    receive {credit, N} -> produce(Consumer, Left, min(N, Window), Window) end;
produce(Consumer, Left, Credit, Window) ->
    Consumer ! {item, self()},
    produce(Consumer, Left - 1, Credit - 1, Window).

%% ---- fan-out ----

fan_out(Width) ->
    Home = self(),
    Hub = spawn(fun() ->
        Self = self(),
        hub(Home, [spawn(fun() -> worker(Self) end) || _ <- lists:seq(1, Width)], Width)
    end),
    telling(Hub, 1).

hub(Home, Workers, Width) ->
    receive {go, Count} -> Home ! {done, rounds(Workers, Width, Count div 2 div Width, 0)} end,
    hub(Home, Workers, Width).

rounds(_, _, 0, Count) -> Count;
rounds(Workers, Width, Rounds, Count) ->
    ask_all(Workers),
    rounds(Workers, Width, Rounds - 1, Count + 2 * answers(Width, 0)).

ask_all([]) -> ok;
ask_all([Pid | Pids]) ->
    Pid ! {ping, 1},
    ask_all(Pids).

answers(0, Count) -> Count;
answers(Missing, Count) ->
    receive {pong, _} -> answers(Missing - 1, Count + 1) end.

worker(Hub) ->
    receive {ping, N} -> Hub ! {pong, N} end,
    worker(Hub).

%% ---- spawn-stop ----

spawn_stop(Batch) ->
    Home = self(),
    Ended = counters:new(1, []),
    telling(spawn(fun() -> spawner(Home, Ended, Batch) end), 1).

spawner(Home, Ended, Batch) ->
    receive
        {go, Count} ->
            counters:put(Ended, 1, 0),
            spawn_some(Ended, Count, Batch, Batch),
            Home ! {done, await_end(Ended, Count)}
    end,
    spawner(Home, Ended, Batch).

spawn_some(_, 0, _, _) -> ok;
spawn_some(Ended, Left, 0, Batch) ->
    erlang:yield(),
    spawn_some(Ended, Left, Batch, Batch);
spawn_some(Ended, Left, Now, Batch) ->
    spawn(fun() -> counters:add(Ended, 1, 1) end),
    spawn_some(Ended, Left - 1, Now - 1, Batch).

await_end(Ended, Count) ->
    case counters:get(Ended, 1) of
        Count -> Count;
        _ -> erlang:yield(), await_end(Ended, Count)
    end.

%% ---- timers ----

timers(CancelEvery) ->
    Home = self(),
    telling(spawn(fun() -> timekeeper(Home, CancelEvery) end), 1).

timekeeper(Home, CancelEvery) ->
    receive
        {go, Count} ->
            Cancelled = arm(Count, CancelEvery, max(1, Count div 1000), 1, 0),
            Home ! {done, Cancelled + fired(Count - Cancelled, 0)}
    end,
    timekeeper(Home, CancelEvery).

%% A thousand timers, then some of these are cancelled, and so on. One that was too late to cancel has fired.
arm(0, _, _, _, Cancelled) -> Cancelled;
arm(Left, CancelEvery, Least, Random, Cancelled) ->
    Slice = min(Left, 1000),
    {Refs, Next} = arm_slice(Slice, Least, Random, []),
    arm(Left - Slice, CancelEvery, Least, Next, Cancelled + cancel(Refs, CancelEvery, 0, 0)).

arm_slice(0, _, Random, Refs) -> {Refs, Random};
arm_slice(N, Least, Random, Refs) ->
    Next = (Random * 1103515245 + 12345) band 16#7fffffff,
    Ref = erlang:send_after(Least + (Next bsr 8) rem (2 * Least), self(), {fired, N}),
    arm_slice(N - 1, Least, Next, [Ref | Refs]).

cancel(_, 0, _, _) -> 0;
cancel([], _, _, Cancelled) -> Cancelled;
cancel([Ref | Refs], Every, 0, Cancelled) ->
    case erlang:cancel_timer(Ref) of
        false -> cancel(Refs, Every, Every - 1, Cancelled);
        _ -> cancel(Refs, Every, Every - 1, Cancelled + 1)
    end;
cancel([_ | Refs], Every, Skip, Cancelled) -> cancel(Refs, Every, Skip - 1, Cancelled).

fired(0, Count) -> Count;
fired(Missing, Count) ->
    receive {fired, _} -> fired(Missing - 1, Count + 1) end.

%% ---- idle ----

idle(Hibernates) ->
    Body = case Hibernates of
        0 -> fun rest/0;
        _ -> fun() -> erlang:hibernate(?MODULE, rest, []) end
    end,
    fun(Count) ->
        make_idle(Body, Count),
        timer:sleep(2000), % they run in the meantime
        Count
    end.

make_idle(_, 0) -> ok;
make_idle(Body, N) ->
    spawn(Body),
    make_idle(Body, N - 1).

rest() -> receive stop -> ok end.
