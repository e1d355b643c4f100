#!/usr/bin/env escript
%%! +S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none
%% Erlang's ssl as the other end of a test: evaluates the expressions that come on standard input, one line at a time, and
%% writes the value of each as a line "= Value". A variable that is bound in one line stays bound in the next; "forget"
%% unbinds all of them. It ends with its input. Sockets belong to the process that evaluates. No distribution, so no epmd.
%%
%% Lines may call the exported functions below as if they were their own. Whatever waits does so for a bounded time.
-mode(compile).
-export([main/1, event/0, event/1, take_all/1, recv_all/1, send_packets/3, take_packets/4, exchange_packets/4, flood/2, sink/2, own/1,
         background/1, result/1]).

-define(PATIENCE, 30000).
-define(LIFE, 170000). % also where a call of ssl's does not return

main(_) ->
    ok = logger:set_primary_config(level, none),
    {ok, _} = application:ensure_all_started(ssl),
    {ok, _} = timer:apply_after(?LIFE, erlang, halt, [3]),
    io:format("= ready~n"),
    loop(erl_eval:new_bindings()).

loop(Bindings) ->
    case io:get_line('') of
        "forget\n" ->
            io:format("= ok~n"),
            loop(erl_eval:new_bindings());
        Line when is_list(Line) ->
            {Value, New} = evaluate(Line, Bindings),
            io:format("= ~0p~n", [Value]),
            loop(New);
        _ ->
            halt(0)
    end.

evaluate(Line, Bindings) ->
    Own = fun(Name, Arguments) -> apply(?MODULE, Name, Arguments) end,
    try
        {ok, Tokens, _} = erl_scan:string(Line),
        {ok, Expressions} = erl_parse:parse_exprs(Tokens),
        {value, Value, New} = erl_eval:exprs(Expressions, Bindings, {value, Own}),
        {Value, New}
    catch
        Class:Reason -> {{Class, Reason}, Bindings}
    end.

%% The next message of any socket, without the socket.
event() -> event(?PATIENCE).
event(Timeout) ->
    receive
        {ssl, _, Data} -> {ssl, Data};
        {ssl_closed, _} -> ssl_closed;
        {ssl_error, _, Reason} -> {ssl_error, Reason};
        {ssl_passive, _} -> ssl_passive;
        {tcp, _, Data} -> {tcp, Data};
        {tcp_closed, _} -> tcp_closed
    after Timeout -> none
    end.

%% All data that an active socket still brings, and how it ends; and the same of a passive one.
take_all(Socket) -> take_all(Socket, []).
take_all(Socket, Taken) ->
    _ = ssl:setopts(Socket, [{active, once}]),
    case event() of
        {ssl, Data} -> take_all(Socket, [Taken, Data]);
        End -> {iolist_to_binary(Taken), End}
    end.

recv_all(Socket) -> recv_all(Socket, []).
recv_all(Socket, Taken) ->
    case ssl:recv(Socket, 0, ?PATIENCE) of
        {ok, Data} -> recv_all(Socket, [Taken, Data]);
        End -> {iolist_to_binary(Taken), End}
    end.

%% Runs a function beside, and waits for its value.
background(Fun) ->
    Self = self(),
    spawn_link(fun() -> Self ! {self(), Fun()} end).

result(Pid) ->
    receive {Pid, Value} -> Value
    after ?PATIENCE -> timeout
    end.

%% A socket that another process made.
own(Socket) -> ssl:controlling_process(Socket, self()).

%% Bytes without end, for as long as they are taken; how many went.
flood(Socket, Bytes) -> flood(Socket, binary:copy(<<"f">>, 16384), Bytes).
flood(_, _, Bytes) when Bytes =< 0 -> ok;
flood(Socket, Chunk, Bytes) ->
    case ssl:send(Socket, Chunk) of
        ok -> flood(Socket, Chunk, Bytes - byte_size(Chunk));
        Failure -> Failure
    end.

sink(_, 0) -> ok;
sink(Socket, Bytes) ->
    case ssl:recv(Socket, min(Bytes, 65536), ?PATIENCE) of
        {ok, Data} -> sink(Socket, Bytes - byte_size(Data));
        Failure -> Failure
    end.

%% The packets of test_erlang_packets.c: the I-th has size(I, Big) bytes, in which the alphabet begins at letter I. A line
%% has its end besides. Big is the size of every twentieth.
size(I, Big) when I rem 20 =:= 19 -> Big;
size(I, _) -> I * I * 37 rem 200.

packet(Mode, I, Big) ->
    Size = size(I, Big),
    Letters = binary:copy(<<"abcdefghijklmnopqrstuvwxyz">>, Size div 26 + 2),
    Bytes = binary:part(Letters, I rem 26, Size),
    case Mode of
        line -> <<Bytes/binary, "\n">>;
        _ -> Bytes
    end.

send_packets(Socket, {Mode, Big}, Count) -> send_packets(Socket, {Mode, Big}, 0, Count).
send_packets(_, _, Count, Count) -> ok;
send_packets(Socket, {Mode, Big}, I, Count) ->
    case ssl:send(Socket, packet(Mode, I, Big)) of
        ok -> send_packets(Socket, {Mode, Big}, I + 1, Count);
        Failure -> {sent, I, Failure}
    end.

%% Both at once.
exchange_packets(Socket, Mode, Active, Count) ->
    Sender = background(fun() -> send_packets(Socket, Mode, Count) end),
    {take_packets(Socket, Mode, Active, Count), result(Sender)}.

%% Takes and compares them, with the socket in mode Active: true, once, false or a number.
take_packets(Socket, {Mode, Big}, Active, Count) ->
    ok = ssl:setopts(Socket, [{active, Active}]),
    Outcome = take_packets(Socket, {Mode, Big}, Active, 0, Count),
    case Active of
        false -> ok;
        _ -> ok = ssl:setopts(Socket, [{active, false}])
    end,
    Outcome.

take_packets(_, _, _, Count, Count) -> ok;
take_packets(Socket, {Mode, Big}, Active, I, Count) ->
    Expected = packet(Mode, I, Big),
    case next_packet(Socket, Active) of
        {ok, Expected} -> take_packets(Socket, {Mode, Big}, Active, I + 1, Count);
        {ok, Other} -> {packet, I, has, byte_size(Other), bytes, should, byte_size(Expected)};
        Failure -> {taken, I, Failure}
    end.

next_packet(Socket, false) -> ssl:recv(Socket, 0, ?PATIENCE);
next_packet(Socket, Active) ->
    case event() of
        {ssl, Data} when Active =:= once ->
            ok = ssl:setopts(Socket, [{active, once}]),
            {ok, Data};
        {ssl, Data} -> {ok, Data};
        ssl_passive ->
            ok = ssl:setopts(Socket, [{active, Active}]),
            next_packet(Socket, Active);
        Other -> Other
    end.
