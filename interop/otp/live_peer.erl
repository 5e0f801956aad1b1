%% Erlang's diameter as a live peer.
%%
%%   erl -noshell -pa DIR -s live_peer main MODE APPLICATION HOST REALM ADDRESS PORT TW [CERTIFICATE KEY TRUST]
%%
%% MODE: serve (it listens at ADDRESS and PORT) or dial (it connects to them), over TCP; serve_sctp or dial_sctp, where
%% ADDRESS may be several with a + between them.  APPLICATION: s6a, or relay: then it
%% relays whatever comes to its Destination-Host.  TW: its watchdog time in ms.  The names of three PEM files make it TLS.
%%
%% Prints "ready", "event ..." for each event of the service and "request ..." for each request.  Lines of standard
%% input: "ask HOW TO" sends an Update-Location-Request to a host (see bent/2) and prints
%% "answer RESULT-CODE E-BIT [CODE OF EACH AVP IN FAILED-AVP]"; "load COUNT AT-ONCE TO" sends so many, and
%% prints "answers GOOD of COUNT"; "stop" leaves with DPR.  Their end ends the program.
-module(live_peer).
-export([main/1]).
-export([peer_up/3, peer_down/3, pick_peer/4, prepare_request/3, prepare_retransmit/3, handle_answer/4, handle_error/4,
         handle_request/3]).

-include_lib("diameter/include/diameter.hrl").
-include("lab.hrl").

-define(S6A, 16777251).
-define(SH, 16777217).
-define(RELAY, 16#FFFFFFFF).
-define(VENDOR, 10415).

main([Mode, Application, Host, Realm, Address, Port, Tw | Files]) ->
    Ips = [ip(Text) || Text <- string:lexemes(atom_to_list(Address), "+")],
    {ok, _} = application:ensure_all_started(ssl),
    ok = persistent_term:put(application, Application),
    ok = diameter:start(),
    true = diameter:subscribe(lab),
    ok = diameter:start_service(lab, service(Application, atom_to_list(Host), atom_to_list(Realm))),
    {ok, _} = diameter:add_transport(lab, transport(Mode, Ips, number(Port), number(Tw), tls(Files))),
    spawn(fun() -> commands(atom_to_list(Realm)) end),
    say("ready", []),
    events().

ip(Text) ->
    {ok, Ip} = inet:parse_address(Text),
    Ip.

number(Atom) -> list_to_integer(atom_to_list(Atom)).

say(Format, Values) -> io:format(Format ++ "~n", Values).

service(s6a, Host, Realm) ->
    Id = [{'Vendor-Id', ?VENDOR}, {'Auth-Application-Id', [?S6A]}],
    [{'Vendor-Specific-Application-Id', [Id]},
     {application, [{alias, s6a}, {dictionary, lab}, {module, ?MODULE}, {answer_errors, callback}]}
     | identity(Host, Realm)];
service(relay, Host, Realm) ->
    [{'Auth-Application-Id', [?RELAY]},
     {application, [{alias, relay}, {dictionary, diameter_gen_relay}, {module, ?MODULE}]}
     | identity(Host, Realm)].

identity(Host, Realm) ->
    [{'Origin-Host', Host}, {'Origin-Realm', Realm}, {'Vendor-Id', 193}, {'Product-Name', "erlang"},
     {'Supported-Vendor-Id', [?VENDOR]}].

transport(serve, [Ip], Port, Tw, Tls) ->
    {listen, [{transport_module, diameter_tcp}, {watchdog_timer, Tw},
              {transport_config, [{reuseaddr, true}, {ip, Ip}, {port, Port} | Tls]}]};
transport(serve_sctp, Ips, Port, Tw, []) ->
    {listen, [{transport_module, diameter_sctp}, {watchdog_timer, Tw},
              {transport_config, [{reuseaddr, true}, {port, Port}, rto() | [{ip, Ip} || Ip <- Ips]]}]};
transport(dial_sctp, Ips, Port, Tw, []) ->
    {connect, [{transport_module, diameter_sctp}, {watchdog_timer, Tw}, {connect_timer, 1000},
               {transport_config, [{rport, Port}, rto() | [{raddr, Ip} || Ip <- Ips]]}]};
transport(dial, [Ip], Port, Tw, Tls) ->
    {connect, [{transport_module, diameter_tcp}, {watchdog_timer, Tw}, {connect_timer, 1000},
               {transport_config, [{raddr, Ip}, {rport, Port} | Tls]}]}.

%% Times of SCTP in ms (initial, max, min) that let it see soon that a path is gone.
rto() -> {sctp_rtoinfo, {sctp_rtoinfo, 0, 200, 400, 100}}.

tls([]) -> [];
tls(Files) ->
    [Certificate, Key, Trust] = [atom_to_list(File) || File <- Files],
    %% true: from the first octet on.  A list would be for TLS after CER and CEA (Inband-Security-Id).
    [{ssl_options, true}, {certfile, Certificate}, {keyfile, Key}, {cacertfile, Trust}, {verify, verify_peer},
     {server_name_indication, disable}].

events() ->
    receive
        #diameter_event{info = Info} -> say("event ~0p", [short(Info)])
    end,
    events().

short({watchdog, _, _, {From, To}, _}) -> {watchdog, From, To};
short({closed, _, {Kind, Code, _, _}, _}) -> {closed, Kind, Code};
short({closed, _, Reason, _}) -> {closed, Reason};
short(Info) when is_tuple(Info) -> element(1, Info);
short(Info) -> Info.

commands(Realm) ->
    case io:get_line("") of
        eof -> halt(0);
        Line -> command(string:lexemes(string:trim(Line), " "), Realm), commands(Realm)
    end.

command(["stop"], _) ->
    ok = diameter:stop_service(lab),
    say("stopped", []);
command(["load", Count, AtOnce, To], Realm) ->
    Asker = self(),
    Each = list_to_integer(Count) div list_to_integer(AtOnce),
    Ask = fun() -> [Asker ! {asked, diameter:call(lab, s6a, update(To, Realm), [{timeout, 60000}])}
                    || _ <- lists:seq(1, Each)] end,
    Askers = [spawn(Ask) || _ <- lists:seq(1, list_to_integer(AtOnce))],
    Answers = [receive {asked, Answer} -> lists:flatten(Answer) end || _ <- Askers, _ <- lists:seq(1, Each)],
    say("answers ~b of ~s", [length([Good || "2001 false" ++ _ = Good <- Answers]), Count]);
command(["ask", How, To], Realm) ->
    Request = bent(list_to_atom(How), update(To, Realm)),
    say("answer ~s", [diameter:call(lab, s6a, Request, [{timeout, 5000}])]).

update(To, Realm) ->
    #lab_ULR{'Session-Id' = diameter:session_id("erlang"), 'Auth-Session-State' = [1], 'Destination-Host' = [To],
             'Destination-Realm' = [Realm], 'User-Name' = ["001010123456789"], 'RAT-Type' = [1004],
             'ULR-Flags' = [34], 'Visited-PLMN-Id' = [<<0, 16#f1, 16#10>>],
             'Vendor-Specific-Application-Id' =
                 [#'lab_Vendor-Specific-Application-Id'{'Vendor-Id' = ?VENDOR, 'Auth-Application-Id' = [?S6A]}]}.

%% Good as it is, or bent in one way that a receiver should answer with an error.
bent(good, Ulr) -> Ulr;
bent(missing, Ulr) -> Ulr#lab_ULR{'User-Name' = []};
bent(unknown, Ulr) -> extra(Ulr, 999, 54321, <<"unknown!">>);
bent(twice, Ulr) -> extra(Ulr, 1407, ?VENDOR, <<0, 16#f1, 16#20>>);
bent(length, Ulr) -> extra(Ulr#lab_ULR{'RAT-Type' = []}, 1032, ?VENDOR, <<1, 2, 3>>);
bent(realm, Ulr) -> Ulr#lab_ULR{'Destination-Realm' = ["nowhere.example"], 'Destination-Host' = []};
bent(command, #lab_ULR{'Session-Id' = Id, 'Destination-Realm' = [Realm]}) ->
    #lab_NCR{'Session-Id' = Id, 'Destination-Realm' = Realm};
bent(application, #lab_ULR{'Session-Id' = Id, 'Destination-Realm' = [Realm]}) ->
    Header = #diameter_header{version = 1, cmd_code = 306, application_id = ?SH, is_request = true,
                              is_proxiable = true},
    [Header | [#diameter_avp{code = Code, is_mandatory = true, data = iolist_to_binary(Data)}
               || {Code, Data} <- [{263, Id}, {283, Realm}, {264, "peer." ++ Realm}, {296, Realm}]]].

extra(Ulr, Code, Vendor, Data) ->
    Ulr#lab_ULR{'AVP' = [#diameter_avp{code = Code, vendor_id = Vendor, is_mandatory = true, data = Data}]}.

%% Callbacks of diameter_app.

peer_up(_, _, State) -> State.

peer_down(_, _, State) -> State.

pick_peer([Peer | _], _, _, _) -> {ok, Peer};
pick_peer([], _, _, _) -> false.

prepare_request(#diameter_packet{msg = Message} = Packet, _, {_, Caps}) ->
    {send, Packet#diameter_packet{msg = signed(Message, Caps)}}.

signed(Message, #diameter_caps{origin_host = {Host, _}, origin_realm = {Realm, _}}) ->
    case Message of
        #lab_ULR{} -> Message#lab_ULR{'Origin-Host' = [Host], 'Origin-Realm' = [Realm]};
        #lab_NCR{} -> Message#lab_NCR{'Origin-Host' = Host, 'Origin-Realm' = Realm};
        _ -> Message
    end.

prepare_retransmit(Packet, _, _) -> {send, Packet}.

%% What is relayed goes back as it is.
handle_answer(Packet, _, _, _) ->
    case persistent_term:get(application) of
        relay -> Packet;
        s6a -> shown(Packet)
    end.

shown(#diameter_packet{header = Header, avps = Avps}) ->
    [Code | _] = [binary:decode_unsigned(Data) || #diameter_avp{code = 268, data = Data} <- flat(Avps)],
    Failed = [C || [#diameter_avp{code = 279} | Inner] <- Avps, #diameter_avp{code = C} <- flat(Inner)],
    io_lib:format("~p ~p ~0p", [Code, Header#diameter_header.is_error, Failed]).

%% A Grouped AVP is a list: itself, then its members.
flat(Avps) -> [case Avp of [First | _] -> First; _ -> Avp end || Avp <- Avps].

handle_error(Reason, _, _, _) -> io_lib:format("none ~0p", [Reason]).

handle_request(#diameter_packet{msg = #lab_ULR{'User-Name' = [Name]} = Ulr, errors = []}, _, {_, Caps}) ->
    say("request ~s", [Name]),
    #diameter_caps{origin_host = {Host, _}, origin_realm = {Realm, _}} = Caps,
    Ambr = #lab_AMBR{'Max-Requested-Bandwidth-UL' = 50000000, 'Max-Requested-Bandwidth-DL' = 150000000},
    Subscription = #'lab_Subscription-Data'{'Subscriber-Status' = [0], 'MSISDN' = [<<16#91, 16#94>>], 'AMBR' = [Ambr]},
    {reply, #lab_ULA{'Session-Id' = Ulr#lab_ULR.'Session-Id', 'Result-Code' = [2001], 'Auth-Session-State' = [1],
                     'Origin-Host' = [Host], 'Origin-Realm' = [Realm], 'ULA-Flags' = [1],
                     'Subscription-Data' = [Subscription]}};
handle_request(#diameter_packet{msg = #lab_ULR{} = Ulr, errors = [_ | _]}, _, {_, Caps}) ->
    %% It sets Result-Code and Failed-AVP from the errors itself.
    #diameter_caps{origin_host = {Host, _}, origin_realm = {Realm, _}} = Caps,
    {reply, #lab_ULA{'Session-Id' = Ulr#lab_ULR.'Session-Id', 'Auth-Session-State' = [1], 'Origin-Host' = [Host],
                     'Origin-Realm' = [Realm]}};
%% Without the filter any peer would do, the one that asked among them.
handle_request(_, lab, _) ->
    {relay, [{filter, host}]}.
