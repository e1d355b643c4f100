#!/usr/bin/env escript
%%! +S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none
%% Erlang's ssl in the interoperation matrix: takes and gives the lines of peer.h. No distribution, so no epmd.
-mode(compile).
-export([main/1]).

-define(PATIENCE, 10000).
-define(DATA_LEN, 20000).

main(_) ->
    ok = logger:set_primary_config(level, none),
    {ok, _} = application:ensure_all_started(ssl),
    loop().

loop() ->
    case io:get_line('') of
        Line when is_list(Line) ->
            answer(string:lexemes(Line, " \n")),
            loop();
        _ -> halt(0)
    end.

answer(["version"]) ->
    {ok, Version} = application:get_key(ssl, vsn),
    say("version", "ssl-" ++ Version);
answer([Role | Words]) when Role =:= "server"; Role =:= "client" ->
    Task = maps:from_list([list_to_tuple([list_to_atom(K), V]) || Word <- Words, [K, V] <- [string:split(Word, "=")]]),
    try
        run(list_to_atom(Role), Task)
    catch
        throw:{cannot, What} -> say("cannot", text(What));
        Class:Reason:Stack -> say("failed", text({Class, Reason, Stack}))
    end;
answer(_) ->
    say("failed", "no such task").

%% On one line, and not all of it.
text(Term) -> io_lib:format("~0P", [Term, 24]).

say(Word, Text) -> io:format("~s ~s~n", [Word, Text]).

get(Key, Task) -> maps:get(Key, Task, "").
is(Key, Value, Task) -> get(Key, Task) =:= Value.
names(Key, Task) -> [name(Name) || Name <- string:lexemes(get(Key, Task), ",")].
name("ed25519") -> eddsa_ed25519;
name("ed448") -> eddsa_ed448;
name(Name) -> list_to_atom(Name).

%% ---- options --------------------------------------------------------------------------------------------------------

options(Role, Task) ->
    lists:append([
        [binary, {active, false}, {packet, raw}],
        version(Task),
        [{ciphers, [suite(get(suite, Task))]}],
        groups(Task),
        [{dhfile, get(field, Task) ++ ".params"} || get(field, Task) =/= ""],
        schemes(Task),
        identity(Role, Task),
        sessions(Role, Task),
        [{server_name_indication, get(host, Task)} || Role =:= client],
        [{case Role of client -> alpn_advertised_protocols; server -> alpn_preferred_protocols end, [<<"matrix">>]}
         || is(extra, "alpn", Task)]]).

version(Task) ->
    case get(version, Task) of
        "1.3" -> [{versions, ['tlsv1.3']}];
        "1.2" -> [{versions, ['tlsv1.2']}]
    end.

suite(Name) ->
    try ssl:str_to_suite(Name) of
        #{} = Suite -> Suite;
        _ -> throw({cannot, Name})
    catch
        error:_ -> throw({cannot, Name})
    end.

groups(Task) ->
    case {names(groups, Task), get(version, Task)} of
        {[], _} -> [];
        {Groups, "1.3"} -> [{supported_groups, Groups}];
        {Groups, "1.2"} -> [{eccs, Curves} || Curves <- [[G || G <- Groups, not is_field(G)]], Curves =/= []]
    end.

is_field(Group) -> lists:prefix("ffdhe", atom_to_list(Group)).

%% TLS 1.2's schemes are pairs there, but those of PSS and EdDSA.
schemes(Task) ->
    case {names(schemes, Task), get(version, Task)} of
        {[], _} -> [];
        {Schemes, "1.3"} -> [{signature_algs, Schemes}, {signature_algs_cert, certificates()}];
        {Schemes, "1.2"} -> [{signature_algs, [pair(Scheme) || Scheme <- Schemes] ++ [{sha256, rsa}]}]
    end.

certificates() -> [rsa_pkcs1_sha256, rsa_pss_rsae_sha256].

pair(ecdsa_secp256r1_sha256) -> {sha256, ecdsa};
pair(ecdsa_secp384r1_sha384) -> {sha384, ecdsa};
pair(ecdsa_secp521r1_sha512) -> {sha512, ecdsa};
pair(rsa_pkcs1_sha256) -> {sha256, rsa};
pair(rsa_pkcs1_sha384) -> {sha384, rsa};
pair(rsa_pkcs1_sha512) -> {sha512, rsa};
pair(Other) -> Other.

identity(Role, Task) ->
    Own = case get(cert, Task) of
        "" -> [];
        Path -> [{certfile, Path ++ ".pem"}, {keyfile, Path ++ ".key"}]
    end,
    Peers = case get(ca, Task) of
        "" -> [{verify, verify_none}];
        Ca -> [{verify, verify_peer}, {cacertfile, Ca ++ ".pem"}] ++ [{fail_if_no_peer_cert, true} || Role =:= server]
    end,
    Own ++ Peers.

sessions(Role, Task) ->
    case {Role, get(version, Task), get(resume, Task)} of
        {_, "1.2", "full"} -> [{reuse_sessions, false}];
        {client, "1.2", _} -> [{reuse_sessions, save}];
        {server, "1.2", _} -> [{reuse_sessions, true}];
        {_, _, "full"} -> [];
        {client, "1.3", _} -> [{session_tickets, manual}];
        {server, "1.3", "ticket"} -> [{session_tickets, stateless}];
        {server, "1.3", "stateful"} -> [{session_tickets, stateful}]
    end.

%% ---- connections ----------------------------------------------------------------------------------------------------

run(server, Task) ->
    case ssl:listen(0, [{ip, {127, 0, 0, 1}}, {reuseaddr, true} | options(server, Task)]) of
        {ok, Listener} ->
            {ok, {_, Port}} = ssl:sockname(Listener),
            say("port", integer_to_list(Port)),
            turns(fun() -> accept(Listener) end, server, Task),
            ssl:close(Listener);
        {error, Why} -> throw({cannot, Why})
    end;
run(client, Task) ->
    Options = options(client, Task),
    put(again, []),
    forget(),
    turns(fun() -> connect(list_to_integer(get(port, Task)), Options) end, client, Task).

turns(Open, Role, Task) ->
    lists:foreach(fun(_) -> turn(Open, Role, Task) end, lists:seq(1, list_to_integer(get(times, Task)))).

turn(Open, Role, Task) ->
    case Open() of
        {ok, Socket} ->
            Outcome = try talk(Socket, Role, Task) catch error:Reason -> {failed, Reason} end,
            {Word, Said} = case Outcome of
                {done, Text} when Role =:= server ->
                    _ = ssl:recv(Socket, 1, ?PATIENCE), % clients end first
                    {"done", Text};
                {done, Text} -> {"done", Text};
                {failed, Why} -> {"failed", text(Why)}
            end,
            _ = ssl:close(Socket),
            say(Word, Said);
        Failure -> say("failed", text(Failure))
    end.

accept(Listener) ->
    case ssl:transport_accept(Listener, ?PATIENCE) of
        {ok, Transport} -> ssl:handshake(Transport, ?PATIENCE);
        Failure -> Failure
    end.

connect(Port, Options) ->
    Rest = case get(again) of
        [{reuse_session, _}] -> lists:keydelete(reuse_sessions, 1, Options); % which would make another one
        _ -> Options
    end,
    ssl:connect({127, 0, 0, 1}, Port, get(again) ++ Rest, ?PATIENCE).

%% ---- what goes over one: as in peer.c -------------------------------------------------------------------------------

talk(Socket, Role, Task) ->
    case is(extra, "key_update", Task) of
        false -> exchange(Socket, Role, Task, 1, true);
        true ->
            exchange(Socket, Role, Task, 1, false),
            new_keys(Socket, Role =:= client),
            exchange(Socket, Role, Task, 2, false),
            new_keys(Socket, Role =:= server),
            exchange(Socket, Role, Task, 3, true)
    end.

new_keys(_, false) -> ok;
new_keys(Socket, true) -> ok = ssl:update_keys(Socket, read_write).

exchange(Socket, Role, Task, First, Last) ->
    Data = << <<(First + I * 7)>> || I <- lists:seq(0, ?DATA_LEN - 1) >>,
    [ok = ssl:send(Socket, Data) || Role =:= client],
    {ok, Data} = ssl:recv(Socket, ?DATA_LEN, ?PATIENCE),
    Said = [report(Socket, Role, Task) || Last],
    [ok = ssl:send(Socket, Data) || Role =:= server],
    {done, Said}.

report(Socket, Role, Task) ->
    {ok, Items} = ssl:connection_information(Socket, [protocol, selected_cipher_suite, session_resumption, session_id]),
    #{protocol := Protocol, selected_cipher_suite := Suite} = Known = maps:from_list(Items),
    [remember(Known, Task) || Role =:= client],
    ["version=", string:prefix(atom_to_list(Protocol), "tlsv"), " suite=", ssl:suite_to_str(Suite),
     " peer_cert=", case ssl:peercert(Socket) of {ok, _} -> "1"; _ -> "0" end,
     [[" resumed=", digit(maps:get(session_resumption, Known, false))] || is(version, "1.3", Task) orelse Role =:= client],
     [[" alpn=", Protocol2] || {ok, Protocol2} <- [ssl:negotiated_protocol(Socket)]]].

%% A server may send more than one ticket; those of another task mean nothing to this one's.
forget() ->
    receive
        {ssl, session_ticket, _} -> forget()
    after 0 -> ok
    end.

digit(true) -> "1";
digit(false) -> "0".

%% The next connection's options.
remember(Known, Task) ->
    put(again, case {get(resume, Task), get(version, Task)} of
        {"full", _} -> [];
        {_, "1.2"} -> [{reuse_session, maps:get(session_id, Known)}];
        {_, "1.3"} ->
            receive
                {ssl, session_ticket, Ticket} -> [{use_ticket, [Ticket]}]
            after ?PATIENCE -> []
            end
    end).
