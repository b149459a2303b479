using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Fleet.Gateway.Reactor.Native;

namespace Fleet.Gateway.Reactor;

/// <summary>
/// A listening socket on one of the loops; what it accepts goes to the loop that has the least. Whoever is not admitted is closed here, at
/// the cost of an accept.
/// </summary>
internal sealed unsafe class ReactorListener : IReady, ILoopWork, IDisposable
{
    private const int Backlog = 4_096, MaxAcceptsPerRound = 64, MaxAddressBytes = 128;

    private readonly ReactorLoop _home;
    private readonly ReactorLoop[] _loops;
    private readonly ListenerTerms _terms;
    private readonly Socket _listener;
    private readonly int _file;
    private readonly byte[] _address = GC.AllocateArray<byte>(MaxAddressBytes, pinned: true);
    private int _key;
    private bool _paused, _closed;

    /// <exception cref="SocketException">The address is taken, or not ours.</exception>
    public ReactorListener(IPEndPoint address, ReactorLoop[] loops, ListenerTerms terms)
    {
        _loops = loops;
        _home = loops[0];
        _terms = terms;
        _listener = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
        _listener.Bind(address);
        _listener.Listen(Backlog);
        _file = (int)_listener.Handle;
    }

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    /// <summary>Begins to accept.</summary>
    public void Start()
    {
        _home.Expect();
        _home.Post(this);
    }

    void ILoopWork.Run()
    {
        if (_closed)
        {
            if (_key != 0) _home.Release(_key);
            else _home.Forgo();
            _key = 0;
            _listener.Dispose();
        }
        else
        {
            _key = _home.Watch(_file, this, Readiness.In);
        }
    }

    public void Ready(Readiness readiness)
    {
        for (int i = 0; i < MaxAcceptsPerRound && !_closed; i++)
        {
            uint length = MaxAddressBytes;
            int socket;
            fixed (byte* address = _address) socket = Libc.Accept(_file, address, &length, Libc.NonBlocking | Libc.CloseOnExec);
            if (socket >= 0)
            {
                Accept(socket);
                continue;
            }
            switch (Libc.LastError)
            {
                case Libc.WouldBlock:
                    return;
                case Libc.TooManyFiles or Libc.TooManyFilesInSystem:
                    _terms.Services.Log.OutOfFiles();
                    Pause();
                    return;
                default:
                    // This connection broke before it was taken (accept(2) lists why); the next may be well.
                    continue;
            }
        }
    }

    /// <summary>Files may have become free.</summary>
    public void Tick(long now)
    {
        if (!_paused) return;
        _paused = false;
        _home.Modify(_file, _key, Readiness.In);
    }

    /// <summary>Accepts no more.</summary>
    public void Close()
    {
        if (_closed) return;
        _closed = true;
        _home.Post(this);
    }

    public void Dispose() => _listener.Dispose();

    private void Accept(int socket)
    {
        var address = AddressOf(_address);
        var pass = _terms.Services.Options.ProxyProtocol
            ? _terms.Admission.TryAwaitHeader(address) : _terms.Admission.TryAdmit(address, _terms.FirstStage);
        if (pass is null)
        {
            _ = Libc.Close(socket);
            return;
        }
        int on = 1;
        _ = Libc.SetOption(socket, Libc.LevelTcp, Libc.NoDelay, &on, sizeof(int));
        var loop = _loops.MinBy(loop => loop.Load)!;
        loop.Expect();
        var pending = new PendingConnection(loop, _terms, socket, address, pass, _home.NowMs);
        if (loop.IsCurrent) pending.Run();
        else loop.Post(pending);
    }

    private void Pause()
    {
        _paused = true;
        _home.Modify(_file, _key, Readiness.None);
    }

    /// <summary>Of a struct sockaddr_in or sockaddr_in6.</summary>
    private static IPAddress AddressOf(ReadOnlySpan<byte> address)
    {
        const ushort InterNetwork = 2;
        return MemoryMarshal.Read<ushort>(address) == InterNetwork
            ? new IPAddress(address.Slice(4, 4))
            : new IPAddress(address.Slice(8, 16), BinaryPrimitives.ReadUInt32LittleEndian(address[24..]));
    }
}
