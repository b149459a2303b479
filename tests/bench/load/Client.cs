using System.Buffers.Binary;
using System.Text;

namespace Fleet.Load;

/// <summary>Where clients connect to, and how.</summary>
/// <param name="Context">SSL_CTX; 0 without TLS.</param>
internal sealed record Target(int Port, nint Context, nint Key)
{
    public static unsafe Target Of(int port, Devices? devices)
    {
        if (devices is null) return new Target(port, 0, 0);
        nint context = Native.SSL_CTX_new(Native.TLS_client_method());
        // Partial writes, moving buffers, buffers released when idle.
        Native.SSL_CTX_ctrl(context, Native.ControlMode, 1 | 2 | 16, 0);
        Native.SSL_CTX_ctrl(context, Native.ControlMinimumVersion, Native.Tls13, 0);
        fixed (byte* at = devices.Key)
        {
            byte* key = at;
            return new Target(port, context, Native.d2i_AutoPrivateKey(0, &key, devices.Key.Length));
        }
    }
}

/// <summary>What a scenario wants to hear of a client, on its poller's thread.</summary>
internal interface IScenario
{
    /// <summary>TCP, and TLS if there is any, are open.</summary>
    void Opened(Client client);

    /// <param name="header">First byte of the packet.</param>
    void Received(Client client, byte header, ReadOnlySpan<byte> body);

    /// <summary>All packets of one read have been given.</summary>
    void ReadOver(Client client);

    void Closed(Client client);
}

/// <summary>One connection, MQTT 3.1.1.</summary>
internal sealed unsafe class Client(int number, Poller poller, Target target, IScenario scenario, byte[]? certificate)
{
    private int _socket = -1, _key, _restCount;
    private nint _ssl;
    private byte[] _rest = [], _unsent = [];
    private bool _open;

    public int Number => number;
    public Poller Poller => poller;

    /// <summary>The scenario's own.</summary>
    public object? Tag { get; set; }

    public bool IsClosed => _socket < 0;

    /// <summary>Resume what this holds, and keep what comes of it.</summary>
    public bool Resumes { get; init; }
    private nint _session;
    public bool WasResumed { get; private set; }

    public void Connect()
    {
        _socket = Native.Check(Native.socket(Native.Internet, Native.Stream | Native.NonBlocking | Native.CloseOnExec, 0), "socket");
        int on = 1;
        _ = Native.setsockopt(_socket, 6, 1, &on, sizeof(int));
        // From several addresses, since one has only 28,000 ports; and the port is chosen at connect (IP_BIND_ADDRESS_NO_PORT).
        _ = Native.setsockopt(_socket, 0, 24, &on, sizeof(int));
        byte* address = stackalloc byte[16];
        Address(address, (byte)(1 + (number % 4)), 0);
        Native.Check(Native.bind(_socket, address, 16), "bind");
        Address(address, 1, target.Port);
        if (Native.connect(_socket, address, 16) != 0 && Native.LastError != Native.InProgress) throw new IOException("connect");
        _open = false;
        _key = poller.Watch(_socket, this, Native.Out);
    }

    public void Ready(uint flags)
    {
        if (_open)
        {
            if ((flags & Native.Out) != 0) SendRest();
            if ((flags & ~Native.Out) != 0 && !IsClosed) Read();
            return;
        }
        if ((flags & (Native.Error | Native.HangUp)) != 0)
        {
            Close();
            return;
        }
        if (target.Context != 0 && !Shake()) return;
        _open = true;
        poller.Modify(_socket, _key, Native.In);
        scenario.Opened(this);
    }

    public void Send(ReadOnlySpan<byte> bytes)
    {
        if (IsClosed) return;
        if (_unsent.Length > 0)
        {
            _unsent = [.. _unsent, .. bytes];
            return;
        }
        int sent = Write(bytes);
        if (sent < 0)
        {
            Close();
            return;
        }
        if (sent == bytes.Length) return;
        _unsent = bytes[sent..].ToArray();
        poller.Modify(_socket, _key, Native.In | Native.Out);
    }

    /// <param name="willTopic">Of a will with QoS 1 and one byte; null: none.</param>
    public void SendConnect(string clientId, int keepAlive = 600, string? willTopic = null)
    {
        byte[] id = Encoding.ASCII.GetBytes(clientId);
        byte[] will = willTopic is null ? [] : [0, (byte)willTopic.Length, .. Encoding.ASCII.GetBytes(willTopic), 0, 1, (byte)'x'];
        byte flags = (byte)(will.Length > 0 ? 0x0E : 0x02);
        Send((byte[])[0x10, (byte)(12 + id.Length + will.Length), 0, 4, .. "MQTT"u8, 4, flags, (byte)(keepAlive >> 8), (byte)keepAlive, 0, (byte)id.Length, .. id, .. will]);
    }

    public void Close()
    {
        if (IsClosed) return;
        if (_ssl != 0)
        {
            if (Resumes && _open)
            {
                if (_session != 0) Native.SSL_SESSION_free(_session);
                _session = Native.SSL_get1_session(_ssl);
                // Without a proper end OpenSSL takes the session for spoilt.
                Native.SSL_set_shutdown(_ssl, 3);
            }
            Native.SSL_free(_ssl);
        }
        _ssl = 0;
        poller.Forget(_key);
        _ = Native.close(_socket);
        _socket = -1;
        (_restCount, _unsent, _rest) = (0, [], []);
        scenario.Closed(this);
    }

    private static void Address(byte* address, byte last, int port)
    {
        new Span<byte>(address, 16).Clear();
        address[0] = Native.Internet;
        BinaryPrimitives.WriteUInt16BigEndian(new Span<byte>(address + 2, 2), (ushort)port);
        (address[4], address[7]) = (127, last);
    }

    private bool Shake()
    {
        if (_ssl == 0)
        {
            _ssl = Native.SSL_new(target.Context);
            _ = Native.SSL_set_fd(_ssl, _socket);
            fixed (byte* der = certificate) _ = Native.SSL_use_certificate_ASN1(_ssl, der, certificate!.Length);
            _ = Native.SSL_use_PrivateKey(_ssl, target.Key);
            if (_session != 0) _ = Native.SSL_set_session(_ssl, _session);
        }
        int result = Native.SSL_connect(_ssl);
        if (result == 1)
        {
            WasResumed = Native.SSL_session_reused(_ssl) == 1;
            return true;
        }
        int error = Native.SSL_get_error(_ssl, result);
        if (error == Native.WantRead) poller.Modify(_socket, _key, Native.In);
        else if (error == Native.WantWrite) poller.Modify(_socket, _key, Native.Out);
        else Fail();
        return false;
    }

    private void Fail()
    {
        Native.ERR_clear_error();
        Close();
    }

    private void Read()
    {
        byte[] buffer = poller.ReadBuffer;
        do
        {
            _rest.AsSpan(0, _restCount).CopyTo(buffer);
            int read = ReadOnce(buffer.AsSpan(_restCount));
            if (read < 0)
            {
                Close();
                return;
            }
            if (read == 0)
            {
                // A TLS ticket and nothing else, or less than a record.
                scenario.ReadOver(this);
                return;
            }
            int count = _restCount + read;
            int at = Parse(buffer.AsSpan(0, count));
            if (IsClosed) return;
            _restCount = count - at;
            if (_restCount > _rest.Length) _rest = new byte[Math.Max(256, _restCount)];
            buffer.AsSpan(at, _restCount).CopyTo(_rest);
            scenario.ReadOver(this);
        }
        while (!IsClosed && _ssl != 0 && Native.SSL_has_pending(_ssl) != 0);
    }

    private int Parse(ReadOnlySpan<byte> bytes)
    {
        int at = 0;
        while (!IsClosed && bytes.Length - at >= 2)
        {
            int length = 0, shift = 0, p = at + 1;
            do
            {
                if (p == bytes.Length) return at;
                length |= (bytes[p] & 0x7F) << shift;
                shift += 7;
            }
            while ((bytes[p++] & 0x80) != 0);
            if (bytes.Length - p < length) return at;
            scenario.Received(this, bytes[at], bytes.Slice(p, length));
            at = p + length;
        }
        return at;
    }

    /// <returns>0: nothing now; -1: the end.</returns>
    private int ReadOnce(Span<byte> into)
    {
        fixed (byte* at = into)
        {
            if (_ssl == 0)
            {
                nint read = Native.recv(_socket, at, into.Length, 0);
                return read > 0 ? (int)read : read < 0 && Native.LastError == Native.WouldBlock ? 0 : -1;
            }
            int plain = Native.SSL_read(_ssl, at, into.Length);
            if (plain > 0) return plain;
            bool wait = Native.SSL_get_error(_ssl, plain) is Native.WantRead or Native.WantWrite;
            if (!wait) Native.ERR_clear_error();
            return wait ? 0 : -1;
        }
    }

    private int Write(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* at = bytes)
        {
            if (_ssl == 0)
            {
                nint sent = Native.send(_socket, at, bytes.Length, Native.NoSignal);
                return sent >= 0 ? (int)sent : Native.LastError == Native.WouldBlock ? 0 : -1;
            }
            int written = Native.SSL_write(_ssl, at, bytes.Length);
            if (written > 0) return written;
            bool wait = Native.SSL_get_error(_ssl, written) is Native.WantRead or Native.WantWrite;
            if (!wait) Native.ERR_clear_error();
            return wait ? 0 : -1;
        }
    }

    private void SendRest()
    {
        byte[] rest = _unsent;
        _unsent = [];
        poller.Modify(_socket, _key, Native.In);
        if (rest.Length > 0) Send(rest);
    }
}
