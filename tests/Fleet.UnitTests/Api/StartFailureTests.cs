using System.Net;
using System.Net.Sockets;
using Fleet.Silo;
using Fleet.Silo.Files;
using Fleet.Silo.Hosting;

namespace Fleet.UnitTests.Api;

/// <summary>What keeps the service from starting is said in one line that names the setting.</summary>
public sealed class StartFailureTests
{
    [Fact]
    public void A_data_directory_belongs_to_one_process_at_a_time_and_is_free_again_afterwards()
    {
        string folder = Path.Combine(Directory.CreateTempSubdirectory("fleet-data-").FullName, "data");
        using (DataDirectory.Open(folder))
            Assert.Contains("in use by another Fleet process", Assert.Throws<StartupException>(() => DataDirectory.Open(folder)).Message, StringComparison.Ordinal);
        using var again = DataDirectory.Open(folder);
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(folder));
    }

    [Fact]
    public void A_data_directory_that_cannot_be_made_names_its_setting()
    {
        string file = Path.GetTempFileName();
        Assert.Contains("Fleet:DataDirectory", Assert.Throws<StartupException>(() => DataDirectory.Open(Path.Combine(file, "data"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_port_in_use_is_named_with_its_setting()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var endPoint = (IPEndPoint)taken.LocalEndpoint;
        string message = Assert.Throws<StartupException>(() => PortCheck.MustBeFree(endPoint, "Fleet:Http:Port")).Message;
        Assert.Contains($"{endPoint.Port}", message, StringComparison.Ordinal);
        Assert.Contains("Fleet:Http:Port", message, StringComparison.Ordinal);
        PortCheck.MustBeFree(new IPEndPoint(IPAddress.Loopback, 0), "Fleet:Http:Port");
    }
}
