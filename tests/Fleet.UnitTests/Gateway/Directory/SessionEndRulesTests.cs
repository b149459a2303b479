using Fleet.Gateway.Directory;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;
using static Fleet.Gateway.Directory.SessionEvent;

namespace Fleet.UnitTests.Gateway.Directory;

/// <summary>When a session ends and what becomes of its will: a row per rule, with its section of MQTT 5.0.</summary>
public sealed class SessionEndRulesTests
{
    private const long Now = 1_000_000, Minute = 60_000;

    private static readonly Publication Message = new("w"u8.ToArray(), "gone"u8.ToArray(), Qos.AtMostOnce);

    private static readonly Will Prompt = new(Message, DelaySeconds: 0, ExpirySeconds: null), Delayed = Prompt with { DelaySeconds = 10 },
        Long = Prompt with { DelaySeconds = 600 }, Waiting = Delayed with { DueAt = Now + 1 }, Due = Delayed with { DueAt = Now };

    private static readonly Dictionary<string, (SessionFacts Given, SessionEvent When, SessionVerdict Then)> Table = new()
    {
        // The connection ends.
        ["3.1.2.5: the will goes out when the connection is lost"] =
            (Connected(Prompt), Ended(EndCause.ConnectionLost), Stays(publish: Prompt, lease: LeaseNotice.ForgetWill)),
        ["3.1.2.5: and when the server ends it, whatever for"] =
            (Connected(Prompt), Ended(EndCause.KeepAliveTimeout), Stays(publish: Prompt, lease: LeaseNotice.ForgetWill)),
        ["3.1.2.5: no will, nothing to forget"] = (Connected(null), Ended(EndCause.ConnectionLost), Stays()),
        ["3.1.2.5: DISCONNECT with 0x00 deletes the will"] =
            (Connected(Delayed), Ended(EndCause.ClientDisconnected), Stays(lease: LeaseNotice.ForgetWill)),
        ["3.14.2.1: DISCONNECT with 0x04 sends it"] =
            (Connected(Prompt), Ended(EndCause.ClientDisconnectedWithWill), Stays(publish: Prompt, lease: LeaseNotice.ForgetWill)),
        ["3.14.2.1: 0x04 leaves its delay as it is"] =
            (Connected(Delayed), Ended(EndCause.ClientDisconnectedWithWill), Stays(Delayed with { DueAt = Now + 10_000 })),
        ["3.1.3.2.2: a will with a delay waits"] =
            (Connected(Delayed), Ended(EndCause.ConnectionLost), Stays(Delayed with { DueAt = Now + 10_000 })),
        ["3.1.3.2.2: for no longer than its session"] =
            (Connected(Long), Ended(EndCause.ConnectionLost), Stays(Long with { DueAt = Now + Minute })),
        ["3.1.2.11.2: a session without expiry ends with its connection, and the will's delay with it"] =
            (Connected(Delayed, expiry: 0), Ended(EndCause.ConnectionLost), Ends(Delayed, LeaseNotice.Release)),
        ["3.14.2.2.2: DISCONNECT may end the session: expiry 0, and no will"] =
            (Connected(Delayed, expiry: 0), Ended(EndCause.ClientDisconnected), Ends(lease: LeaseNotice.Release)),
        ["3.1.4: what came with a refused CONNECT does not count"] =
            (Connected(Prompt), Ended(EndCause.NotOpened("no")), Stays(lease: LeaseNotice.ForgetWill)),
        ["revoked: a connection that hears it first ends its session, and the will's delay with it"] =
            (Connected(Delayed), Ended(EndCause.Revoked), Ends(Delayed, LeaseNotice.Release)),
        ["fenced: a connection that hears it first ends its session, and the will is another gateway's"] =
            (Connected(Prompt), Ended(EndCause.Fenced), Ends(lease: LeaseNotice.Release)),

        // A newer connection, here or at another gateway.
        ["3.1.4-3: a will without delay goes out when its connection is taken over"] =
            (Connected(Prompt), new TakenOver(CleanStart: false), new(Ends: false, Publish: Prompt)),
        ["3.1.3-9: one with a delay does not"] = (Connected(Delayed), new TakenOver(CleanStart: false), new(Ends: false)),
        ["3.1.3-9: nor one that waits"] = (Away(Waiting), new TakenOver(CleanStart: false), new(Ends: false, Now + Minute)),
        ["3.1.2-8: one whose delay has passed goes out"] =
            (Away(Due), new TakenOver(CleanStart: false), new(Ends: false, Now + Minute, Publish: Due)),
        ["3.1.2-8: also after a restart, which it was due at"] = (
            Away(Prompt with { DueAt = Now }), new TakenOver(CleanStart: false),
            new(Ends: false, Now + Minute, Publish: Prompt with { DueAt = Now })),
        ["3.1.2-4: a clean start ends the session, and the will's delay with it"] =
            (Connected(Delayed), new TakenOver(CleanStart: true), Ends(Delayed)),
        ["3.1.2-4: also of one whose client is away"] = (Away(Waiting), new TakenOver(CleanStart: true), Ends(Waiting)),
        ["3.1.2.11.2: a session without expiry is not gone on with"] =
            (Connected(Delayed, expiry: 0), new TakenOver(CleanStart: false), Ends(Delayed)),

        // Time.
        ["3.1.3.2.2: nothing is due while the client is there"] =
            (Connected(Delayed), new TimePassed(), new(Ends: false, Will: Delayed)),
        ["3.1.3.2.2: before the delay has passed the will waits"] = (Away(Waiting), new TimePassed(), Stays(Waiting)),
        ["3.1.3.2.2: then it goes out"] = (Away(Due), new TimePassed(), Stays(publish: Due, lease: LeaseNotice.ForgetWill)),
        ["3.1.2.11.2: the session ends when its time is up"] =
            (new(60, Now, Will: null), new TimePassed(), Ends(lease: LeaseNotice.Release)),
        ["3.1.2.5: and its will goes out if it has not"] = (new(60, Now, Waiting), new TimePassed(), Ends(Waiting, LeaseNotice.Release)),

        // The gateway, the certificate.
        ["revoked: the session ends, and the will's delay with it"] =
            (Connected(Delayed), new Ended(), Ends(Delayed, LeaseNotice.Release)),
        ["revoked: also of a client that is away"] = (Away(Waiting), new Ended(), Ends(Waiting, LeaseNotice.Release)),
        ["fenced: session, will and lease are another gateway's"] = (Connected(Prompt), new Abandoned(), Ends()),

        // Back from the store.
        ["4.1: a session outlives the process, with the rest of its time"] =
            (new(60, ExpiresAt: null, Waiting), new Restored(Now - 20_000), new(Ends: false, Now + 40_000, Waiting)),
        ["4.1: one whose time is up waits for a client that may have been back before the kill"] =
            (new(60, ExpiresAt: null, Due), new Restored(Now - (2 * Minute) + 1), new(Ends: false, Now + 1, Due)),
        ["4.1: and is over after that"] = (new(60, ExpiresAt: null, Due), new Restored(Now - (2 * Minute)), Ends(Due, LeaseNotice.Release)),
        ["3.1.2.11.2: without expiry it ended with the process"] =
            (new(0, ExpiresAt: null, Prompt), new Restored(Now), Ends(Prompt, LeaseNotice.Release)),
    };

    public static TheoryData<string> Rules => [.. Table.Keys];

    [Theory, MemberData(nameof(Rules))]
    public void Rule(string rule)
    {
        var (given, when, then) = Table[rule];
        Assert.Equal(then, SessionEndRules.Decide(given, when, Now));
    }

    private static SessionFacts Connected(Will? will, uint expiry = 60) => new(expiry, ExpiresAt: null, will);

    private static SessionFacts Away(Will? will) => new(60, Now + Minute, will);

    private static ConnectionEnded Ended(EndCause cause) => new(cause);

    private static SessionVerdict Stays(Will? will = null, Will? publish = null, LeaseNotice lease = LeaseNotice.None) =>
        new(Ends: false, Now + Minute, will, publish, lease);

    private static SessionVerdict Ends(Will? publish = null, LeaseNotice lease = LeaseNotice.None) =>
        new(Ends: true, Publish: publish, Lease: lease);
}
