using System.Net;
using System.Net.Sockets;

namespace Fleet.Silo.Hosting;

/// <summary>Finds out before anything starts that a port cannot be had, while it is known which setting asked for it.</summary>
internal static class PortCheck
{
    /// <exception cref="StartupException">It cannot be bound; the message names the port and the setting.</exception>
    public static void MustBeFree(IPEndPoint endPoint, string setting)
    {
        if (endPoint.Port == 0) return;
        using var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(endPoint);
            socket.Listen();
        }
        catch (SocketException e)
        {
            throw new StartupException(
                e.SocketErrorCode switch
                {
                    SocketError.AddressAlreadyInUse =>
                        $"Port {endPoint.Port} on {endPoint.Address} is in use (setting {setting}; 0 takes any free port).",
                    SocketError.AccessDenied =>
                        $"Port {endPoint.Port} on {endPoint.Address} is not allowed to this user (setting {setting}).",
                    _ => $"{endPoint} cannot be listened on: {e.Message} (setting {setting})",
                }, e);
        }
    }
}
