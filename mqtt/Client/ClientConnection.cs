using System.Buffers;
using System.IO.Pipelines;
using System.Text;

namespace Fleet.Mqtt;

/// <summary>The machine behind <see cref="MqttClient"/>: opens the transport, reads until it ends, and ends everything once.</summary>
internal sealed class ClientConnection : IDisposable
{
    private static readonly TimeSpan DisconnectTimeout = TimeSpan.FromSeconds(2);

    // A buffer is taken from the pool when bytes are there, and given back when they are read.
    private static readonly StreamPipeReaderOptions ReaderOptions = new(
        bufferSize: 4096, minimumReadSize: 512, leaveOpen: true, useZeroByteReads: true);

    private readonly MqttClientOptions _options;
    private readonly ClientTransport _transport;
    private readonly PipeReader _reader;
    private readonly MqttClientSession _session;
    private readonly OutputQueue _output;
    private readonly ServerPackets _packets;
    private readonly TaskCompletionSource<ClientClosed> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ClientClosed? _end;
    private KeepAlive? _keepAlive;
    private Task _reading = Task.CompletedTask;
    private ClientClosed? _leaving;

    private ClientConnection(MqttClientOptions options, ClientTransport transport)
    {
        _options = options;
        _transport = transport;
        _session = options.Session ?? new MqttClientSession();
        _reader = PipeReader.Create(transport.Stream, ReaderOptions);
        _output = new OutputQueue(transport.Stream, options.TimeProvider, Lost);
        _packets = new ServerPackets(this, options, _session, _output);
        Result = null!;
    }

    public MqttVersion Version => _options.ProtocolVersion;

    /// <summary>Set before anybody but <see cref="Open"/> sees the connection.</summary>
    public ConnectResult Result { get; private set; }

    public bool IsClosed => Volatile.Read(ref _end) is not null;

    public PendingRequests Pending { get; } = new();
    public Task<ClientClosed> Closed => _closed.Task;

    public static async Task<ClientConnection> Open(MqttClientOptions options, CancellationToken cancellation)
    {
        using var timeout = new CancellationTokenSource(options.ConnectTimeout, options.TimeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellation);
        ClientTransport? transport = null;
        try
        {
            transport = await ClientTransport.Open(options, either.Token).ConfigureAwait(false);
            var connection = new ClientConnection(options, transport);
            await connection.Handshake(either.Token).ConfigureAwait(false);
            connection.Start();
            return connection;
        }
        catch (Exception e)
        {
            transport?.Dispose();
            cancellation.ThrowIfCancellationRequested();
            if (e is MqttConnectRefusedException or ArgumentException) throw;
            if (timeout.IsCancellationRequested) e = new TimeoutException($"No answer within {options.ConnectTimeout}.", e);
            // A transport fails in many ways (sockets, TLS, HTTP, the protocol): to the caller they are one, with the cause inside.
            throw new MqttConnectionLostException($"Cannot connect to {options.Host}: {e.Message}", e);
        }
    }

    public void ThrowIfClosed()
    {
        if (Volatile.Read(ref _end) is { } end) throw ErrorOf(end);
    }

    public void Send<TState>(TState state, Action<ClientConnection, TState, IBufferWriter<byte>> write) =>
        _output.Write((Connection: this, state, write), static (packet, output) => packet.write(packet.Connection, packet.state, output));

    public void Send(MqttMessage message, ushort packetId)
    {
        using var topic = new Utf8Scratch(message.Topic, stackalloc byte[256]);
        var packet = new PublishPacket
        {
            Qos = message.Qos,
            Retain = message.Retain,
            Topic = topic.Bytes,
            PacketId = packetId,
            Properties = Version == MqttVersion.V5 ? ClientPackets.PropertiesOf(message).Properties : default,
            Payload = new ReadOnlySequence<byte>(message.Payload),
        };
        if (Result.MaximumPacketBytes is { } most && packet.SizeIn(Version) > most)
            throw new ArgumentException(
                $"A message of {packet.SizeIn(Version)} bytes is over the {most} that the server takes (3.2.2.3.6).", nameof(message));
        if (Version == MqttVersion.V5) _output.Write(packet, static (packet, output) => packet.WriteTo(output, MqttVersion.V5));
        else _output.Write(packet, static (packet, output) => packet.WriteTo(output, MqttVersion.V311));
    }

    /// <summary>Completes when more may be sent without piling up.</summary>
    public async ValueTask WhenWritable(CancellationToken cancellation)
    {
        var writable = _output.WhenWritable();
        if (writable.IsCompleted) return;
        await writable.WaitAsync(cancellation).ConfigureAwait(false);
        ThrowIfClosed();
    }

    public async Task Disconnect(ReasonCode reason, CancellationToken cancellation)
    {
        var leaving = new ClientClosed(CloseCause.DisconnectedByClient, reason);
        if (Interlocked.CompareExchange(ref _leaving, leaving, null) is null)
        {
            _output.Write((reason, Version), static (packet, output) =>
                new DisconnectPacket { ReasonCode = packet.reason }.WriteTo(output, packet.Version));
            try
            {
                await SendRestAndAwaitEnd(cancellation).WaitAsync(DisconnectTimeout, _options.TimeProvider, cancellation)
                    .ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                // The server neither reads nor closes: leave it.
            }
            finally
            {
                Close(leaving);
            }
        }
        await Closed.WaitAsync(cancellation).ConfigureAwait(false);
    }

    /// <summary>The first call decides; it ends the transport and everything that waits.</summary>
    public void Close(ClientClosed end)
    {
        if (Interlocked.CompareExchange(ref _end, end, null) is not null) return;
        _keepAlive?.Dispose();
        _output.End();
        _packets.End();
        _transport.Dispose();
        Pending.End(ErrorOf(end));
        _closed.TrySetResult(end);
    }

    public void Lost(Exception error) =>
        Close(Volatile.Read(ref _leaving) ?? new ClientClosed(CloseCause.ConnectionLost, (error as MqttProtocolException)?.Reason, error));

    public void PingAnswered() => _keepAlive?.Answered();

    public void Dispose() => Close(new ClientClosed(CloseCause.Aborted));

    private static MqttConnectionLostException ErrorOf(ClientClosed end)
    {
        string why = end switch
        {
            { Error: { } error } => $"{end.Cause}: {error.Message}",
            { ReasonCode: { } reason } => $"{end.Cause}: {reason}",
            _ => $"{end.Cause}",
        };
        return new($"The connection is closed. {why}", end.Error);
    }

    private async Task Handshake(CancellationToken cancellation)
    {
        _output.Write(_options, static (options, output) => ClientPackets.WriteConnect(options, output));
        while (true)
        {
            var read = await _reader.ReadAsync(cancellation).ConfigureAwait(false);
            var buffer = read.Buffer;
            bool answered = TryReadConnAck(ref buffer);
            _reader.AdvanceTo(buffer.Start, answered ? buffer.Start : buffer.End);
            if (answered) break;
            if (read.IsCompleted) throw new EndOfStreamException("The server closed the connection instead of answering CONNECT.");
        }
        if (Result.ReasonCode != ReasonCode.Success) throw new MqttConnectRefusedException(Result);
        if (!Result.SessionPresent) _session.Clear();
        Pending.Allow(Result.ReceiveMaximum);
    }

    private bool TryReadConnAck(ref ReadOnlySequence<byte> buffer)
    {
        if (!Framing.TryRead(ref buffer, _options.MaxPacketBytes, out var packet)) return false;
        if (packet.Type != PacketType.ConnAck) throw Fault.Protocol($"{packet.Type} instead of CONNACK (3.2)");
        Result = ClientPackets.Read(ConnAckPacket.Parse(packet, Version));
        return true;
    }

    private void Start()
    {
        var interval = Result.ServerKeepAlive ?? _options.KeepAlive;
        if (interval > TimeSpan.Zero)
        {
            _keepAlive = new KeepAlive(_options.TimeProvider, interval, () => _output.Silence,
                () => _output.Write(0, static (_, output) => PingPacket.WriteRequestTo(output)),
                () => Lost(new TimeoutException($"No PINGRESP within {interval}.")));
            if (IsClosed) _keepAlive.Dispose();
        }
        _reading = ReadAll();
    }

    private async Task ReadAll()
    {
        try
        {
            while (!IsClosed)
            {
                var read = await _reader.ReadAsync().ConfigureAwait(false);
                var buffer = read.Buffer;
                var room = Task.CompletedTask;
                _output.Cork();
                while (room.IsCompleted && !IsClosed && _packets.TryReceive(ref buffer, out room)) { }
                _output.Uncork();
                bool all = room.IsCompleted;
                _reader.AdvanceTo(buffer.Start, all ? buffer.End : buffer.Start);
                if (all && read.IsCompleted) throw new EndOfStreamException("The server closed the connection.");
                await room.ConfigureAwait(false);
            }
        }
        catch (Exception e)
        {
            Lost(e);
        }
        finally
        {
            await _reader.CompleteAsync().ConfigureAwait(false);
        }
    }

    private async Task SendRestAndAwaitEnd(CancellationToken cancellation)
    {
        await _output.WhenDrained().ConfigureAwait(false);
        try
        {
            // Reading goes on until the server closes: to close with bytes unread would reset the connection, and DISCONNECT be lost.
            if (!IsClosed) await _transport.ShutDownSending(cancellation).ConfigureAwait(false);
            await _reading.ConfigureAwait(false);
        }
        catch (Exception e)
        {
            Lost(e);
        }
    }
}
