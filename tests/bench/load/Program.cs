using Fleet.Load;

// Clients for measurements: makes load, and says what it cost the server's process. See the scripts beside this folder.
switch (args)
{
    case ["make", var count, var dataDirectory, var folder]:
        Devices.Make(int.Parse(count, System.Globalization.CultureInfo.InvariantCulture), dataDirectory, folder);
        break;
    case ["publish", .. var rest]:
        await PublishScenario.Execute(new Run(rest));
        break;
    case ["fanout", .. var rest]:
        await FanoutScenario.Execute(new Run(rest));
        break;
    case ["handshake", .. var rest]:
        await HandshakeScenario.Execute(new Run(rest));
        break;
    case ["idle", .. var rest]:
        await IdleScenario.Execute(new Run(rest));
        break;
    case ["storm", .. var rest]:
        await new StormScenario(new Run(rest)).Execute();
        break;
    case ["witness", .. var rest]:
        await new WitnessScenario(new Run(rest)).Execute();
        break;
    default:
        Console.Error.WriteLine("load make|publish|fanout|handshake|idle|storm|witness --port <port> --pid <server> [--devices <folder>] [--connections <n>] [--seconds <n>] …");
        Environment.Exit(2);
        break;
}
Environment.Exit(0);
