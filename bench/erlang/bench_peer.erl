%% Erlang's diameter for `mtc bench`; see nfs/cli/_bench/stacks/erlang.py.
%%
%%   erl -noshell -pa DIR -s bench_peer main codec FILE ROUND_MS
%%       each line of input is answered with microseconds of CPU as JSON
%%   ... main server PORT [CERTIFICATE KEY TRUST]
%%   ... main relay PORT PORT_BEHIND
%%   ... main client PORT WINDOW SECONDS WARM SETTLE [CERTIFICATE KEY TRUST]
%%       prints BEGIN, STOP and END as nfs/cli/_bench/programs/said.py says
%%
%% A relay prints "up HOST" for each peer.
-module(bench_peer).
-export([main/1]).
-export([peer_up/3, peer_down/3, pick_peer/4, pick_peer/5, prepare_request/3, prepare_request/4, prepare_retransmit/3,
         prepare_retransmit/4, handle_answer/4, handle_answer/5, handle_error/4, handle_error/5, handle_request/3]).

-include_lib("diameter/include/diameter.hrl").
-include_lib("diameter/include/diameter_gen_base_rfc6733.hrl").
-include("load.hrl").

-define(S6A, 16777251).
-define(VENDOR, 10415).
-define(LOOPBACK, {127, 0, 0, 1}).

main([codec, File, Round]) ->
    {ok, Octets} = file:read_file(atom_to_list(File)),
    codec(Octets, number(Round)),
    halt();
main([server, Port | Files]) ->
    start("server", [application(load)]),
    {ok, _} = diameter:add_transport(bench, {listen, tcp([{ip, ?LOOPBACK}, {port, number(Port)} | tls(Files)])});
main([relay, Port, Behind]) ->
    persistent_term:put(relays, true),
    start("relay", [{application, [{alias, relay}, {dictionary, diameter_gen_relay}, {module, ?MODULE}]}]),
    {ok, _} = diameter:add_transport(bench, {connect, tcp([{raddr, ?LOOPBACK}, {rport, number(Behind)}])}),
    {ok, _} = diameter:add_transport(bench, {listen, tcp([{ip, ?LOOPBACK}, {port, number(Port)}])});
main([client, Port, Window, Seconds, Warm, Settle | Files]) ->
    spawn(fun() -> client(number(Port), number(Window), [us(Seconds), us(Warm)], us(Settle) div 1000, Files), eof = io:get_line(""), halt() end).

number(Atom) -> list_to_integer(atom_to_list(Atom)).
us(Atom) -> round(1.0e6 * (catch_integer(atom_to_list(Atom)))).
catch_integer(Text) -> case string:to_float(Text) of {error, _} -> list_to_integer(Text); {Found, _} -> Found end.

start(Name, Applications) ->
    {ok, _} = application:ensure_all_started(ssl),
    ok = diameter:start(),
    true = diameter:subscribe(bench),
    ok = diameter:start_service(bench, [{'Origin-Host', Name ++ ".example.net"}, {'Origin-Realm', "example.net"},
        {'Vendor-Id', 193}, {'Product-Name', "erlang"}, {'Host-IP-Address', [?LOOPBACK]}, {'Supported-Vendor-Id', [?VENDOR]},
        {string_decode, false} | advertised(Applications)]).

advertised([{application, [{alias, relay} | _]}] = All) -> [{'Auth-Application-Id', [16#FFFFFFFF]} | All];
advertised(All) ->
    [{'Vendor-Specific-Application-Id', [[{'Vendor-Id', ?VENDOR}, {'Auth-Application-Id', [?S6A]}]]} | All].

application(Dictionary) -> {application, [{alias, s6a}, {dictionary, Dictionary}, {module, ?MODULE}]}.

tcp(Options) -> [{transport_module, diameter_tcp}, {connect_timer, 500}, {transport_config, [{reuseaddr, true}, {nodelay, true} | Options]}].

tls([]) -> [];
tls(Files) ->
    [Certificate, Key, Trust] = [atom_to_list(File) || File <- Files],
    [{ssl_options, true}, {certfile, Certificate}, {keyfile, Key}, {cacertfile, Trust}, {verify, verify_peer},
     {server_name_indication, disable}].

%% ---- the load

session(Number) ->
    Digits = integer_to_binary(Number),
    Zeros = binary:copy(<<"0">>, 10 - byte_size(Digits)),
    <<"mme01.pool07.operator.example.net;", Zeros/binary, Digits/binary, ";42;s6a">>.

ids() -> #'load_Vendor-Specific-Application-Id'{'Vendor-Id' = ?VENDOR, 'Auth-Application-Id' = [?S6A]}.
features() -> #'load_Supported-Features'{'Vendor-Id' = ?VENDOR, 'Feature-List-ID' = 1, 'Feature-List' = 16#1C000607}.
terminal() -> #'load_Terminal-Information'{'IMEI' = [<<"35299708123456">>], 'Software-Version' = [<<"78">>]}.

request(Session) ->
    #load_ULR{'Session-Id' = Session, 'Vendor-Specific-Application-Id' = [ids()], 'Auth-Session-State' = 1,
              'Origin-Host' = <<"client.example.net">>, 'Origin-Realm' = <<"example.net">>,
              'Destination-Host' = [<<"server.example.net">>], 'Destination-Realm' = <<"example.net">>,
              'User-Name' = <<"001010123456789">>, 'Supported-Features' = [features()],
              'Terminal-Information' = [terminal()], 'RAT-Type' = 1004, 'ULR-Flags' = 34,
              'UE-SRVCC-Capability' = [1], 'Visited-PLMN-Id' = <<0, 16#f1, 16#10>>}.

client(Port, Window, Times, SettleMs, Files) ->
    start("client", [application(load)]),
    {ok, _} = diameter:add_transport(bench, {connect, tcp([{raddr, ?LOOPBACK}, {rport, Port} | tls(Files)])}),
    receive #diameter_event{info = Info} when element(1, Info) == up -> ok end,
    timer:sleep(SettleMs),
    [Measured, Warm] = Times,
    [ask(Number) || Number <- lists:seq(1, Window)],
    {Begin, Next} = warm(Window + 1, now_us() + Warm),
    io:format("BEGIN~n"),
    {Taken, Bad, Octets} = take(Next, Begin + Measured, [], 0),
    End = now_us(),
    io:format("STOP~n"),
    Sorted = list_to_tuple(lists:sort(Taken)),
    Count = tuple_size(Sorted),
    At = fun(Part) -> element(min(trunc(Count * Part) + 1, Count), Sorted) * 1.0 end,
    io:format("END count=~p wall=~.6f bad=~p lost=0 p50=~.1f p99=~.1f p999=~.1f max=~.1f octets=~p~n",
              [Count, (End - Begin) / 1.0e6, Bad, At(0.5), At(0.99), At(0.999), At(1), Octets]).

now_us() -> erlang:monotonic_time(microsecond).

ask(Number) ->
    Session = session(Number),
    ok = diameter:call(bench, s6a, request(Session), [detach, {extra, [{self(), Session, now_us()}]}]).

warm(Next, Until) ->
    receive {answer, _, _, _} -> ask(Next) end,
    case now_us() of
        Now when Now >= Until -> {Now, Next + 1};
        _ -> warm(Next + 1, Until)
    end.

take(Next, Until, Times, Bad) ->
    receive {answer, Right, Asked, Octets} ->
        Now = now_us(),
        More = [Now - Asked | Times],
        Wrong = case Right of true -> Bad; false -> Bad + 1 end,
        if
            Now >= Until -> {More, Wrong, Octets};
            true -> ask(Next), take(Next + 1, Until, More, Wrong)
        end
    end.

%% ---- the codec

codec(Octets, RoundMs) ->
    Options = #{decode_format => record, string_decode => false, strict_mbit => true, strict_arities => true, rfc => 6733,
                app_dictionary => load, avp_dictionaries => [], ordered_encode => true},
    Decode = fun() -> #diameter_packet{errors = []} = diameter_codec:decode(load, Options, Octets) end,
    #diameter_packet{header = Header} = Decode(),
    Build = fun() ->
        Message = (request(session(1700000000)))#load_ULR{
            'Origin-Host' = <<"mme01.pool07.operator.example.net">>, 'Origin-Realm' = <<"operator.example.net">>,
            'Destination-Host' = [<<"hss01.operator.example.net">>], 'Destination-Realm' = <<"operator.example.net">>,
            'Route-Record' = [<<"dra01.operator.example.net">>]},
        #diameter_packet{bin = Made} = diameter_codec:encode(load, Options, #diameter_packet{header = Header, msg = Message}),
        true = byte_size(Made) == byte_size(Octets)
    end,
    codec_rounds(Decode, Build, RoundMs).

codec_rounds(Decode, Build, RoundMs) ->
    case io:get_line("") of
        eof -> ok;
        _ ->
            io:format("{\"decode\": ~.4f, \"build\": ~.4f}~n", [timed(Decode, 256, RoundMs), timed(Build, 256, RoundMs)]),
            codec_rounds(Decode, Build, RoundMs)
    end.

timed(Run, Count, RoundMs) ->
    {Begin, _} = statistics(runtime),
    again(Run, Count),
    {End, _} = statistics(runtime),
    case End - Begin of
        Spent when Spent * 2 > RoundMs -> Spent * 1000 / Count;
        _ -> timed(Run, Count * 2, RoundMs)
    end.

again(_, 0) -> ok;
again(Run, Count) -> Run(), again(Run, Count - 1).

%% ---- callbacks of diameter_app

peer_up(_, {_, #diameter_caps{origin_host = {_, Host}}}, State) -> io:format("up ~s~n", [Host]), State.
peer_down(_, _, State) -> State.

pick_peer([Peer | _], _, _, _) -> {ok, Peer};
pick_peer([], _, _, _) -> false.
pick_peer(Peers, Rest, Service, State, _) -> pick_peer(Peers, Rest, Service, State).

prepare_request(Packet, _, _) -> {send, Packet}.
prepare_request(Packet, _, _, _) -> {send, Packet}.
prepare_retransmit(Packet, _, _) -> {send, Packet}.
prepare_retransmit(Packet, _, _, _) -> {send, Packet}.

handle_answer(Packet, _, _, _) -> Packet.

handle_answer(#diameter_packet{msg = Answer, errors = Errors, bin = Octets}, _, _, _, {Client, Session, Asked}) ->
    Right = case Answer of
        #load_ULA{'Session-Id' = Session, 'Result-Code' = [2001]} -> Errors == [];
        _ -> false
    end,
    Client ! {answer, Right, Asked, byte_size(Octets)},
    ok.

handle_error(_, _, _, _) -> ok.
handle_error(_, _, _, _, {Client, _, Asked}) -> Client ! {answer, false, Asked, 0}, ok.

handle_request(#diameter_packet{msg = #load_ULR{'Session-Id' = Session}, errors = []}, _, _) ->
    {reply, #load_ULA{'Session-Id' = Session, 'Result-Code' = [2001], 'Vendor-Specific-Application-Id' = [ids()],
                      'Auth-Session-State' = 1, 'Origin-Host' = <<"server.example.net">>, 'Origin-Realm' = <<"example.net">>,
                      'Supported-Features' = [features()], 'ULA-Flags' = [1]}};
handle_request(_, _, _) ->
    %% What is not for us goes on to its Destination-Host.
    case persistent_term:get(relays, false) of
        true -> {relay, [{filter, host}]};
        false -> discard
    end.
