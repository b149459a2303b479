namespace Fleet.Mqtt;

/// <summary>What awaits an acknowledgement, by packet identifier, and how many publishes the server lets us have outstanding.</summary>
internal sealed class PendingRequests
{
    /// <summary>Leaves packet identifiers to subscriptions whatever the server allows.</summary>
    private const int MaxPublishes = 32_768;

    private readonly Lock _gate = new();
    private readonly Dictionary<ushort, Request> _requests = [];
    private readonly Queue<TaskCompletionSource> _waiting = [];
    private int _freeSlots;
    private ushort _lastId;
    private Exception? _ended;

    /// <summary>Opens the window. MQTT 5.0, 3.2.2.3.3.</summary>
    public void Allow(int receiveMaximum)
    {
        lock (_gate) _freeSlots = Math.Min(receiveMaximum, MaxPublishes);
    }

    /// <summary>Waits until one more publish may be outstanding. MQTT 5.0, 4.9.</summary>
    public ValueTask AcquirePublishSlot(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        TaskCompletionSource waiter;
        lock (_gate)
        {
            if (_ended is not null) throw _ended;
            if (_freeSlots > 0)
            {
                _freeSlots--;
                return ValueTask.CompletedTask;
            }
            _waiting.Enqueue(waiter = new(TaskCreationOptions.RunContinuationsAsynchronously));
        }
        return new(Wait(waiter, cancellation));
    }

    /// <param name="acknowledgement">PUBACK, PUBREC, SUBACK or UNSUBACK.</param>
    /// <param name="codes">Reason codes that the acknowledgement must bring.</param>
    public Request Add(PacketType acknowledgement, int codes)
    {
        lock (_gate)
        {
            if (_ended is not null) throw _ended;
            if (_requests.Count >= ushort.MaxValue) throw new InvalidOperationException("All packet identifiers are in use.");
            do _lastId = _lastId == ushort.MaxValue ? (ushort)1 : (ushort)(_lastId + 1);
            while (_requests.ContainsKey(_lastId));
            var request = new Request(_lastId, acknowledgement, codes);
            _requests.Add(_lastId, request);
            return request;
        }
    }

    /// <summary>PUBREC: unless it refuses, PUBCOMP is awaited from now on.</summary>
    /// <returns>True if PUBREL is to follow.</returns>
    /// <exception cref="MqttProtocolException">0x82: nobody asked for this.</exception>
    public bool Receive(ushort packetId, ReasonCode code)
    {
        if (code >= ReasonCode.UnspecifiedError)
        {
            Complete(PacketType.PubRec, packetId, [code]);
            return false;
        }
        lock (_gate)
        {
            if (!_requests.TryGetValue(packetId, out var request)
                || request.Acknowledgement is not (PacketType.PubRec or PacketType.PubComp))
                throw Fault.Protocol($"PUBREC for packet identifier {packetId}, which does not await it (4.3)");
            request.Acknowledgement = PacketType.PubComp;
            return true;
        }
    }

    /// <exception cref="MqttProtocolException">0x82: nobody asked for this.</exception>
    public void Complete(PacketType acknowledgement, ushort packetId, ReadOnlySpan<ReasonCode> codes)
    {
        Request? request;
        lock (_gate)
        {
            if (!_requests.TryGetValue(packetId, out request) || request.Acknowledgement != acknowledgement)
                throw Fault.Protocol($"{acknowledgement} for packet identifier {packetId}, which does not await it (4.3)");
            // UNSUBACK of 3.1.1 says no more than that it is done.
            if (acknowledgement == PacketType.UnsubAck && codes.IsEmpty) codes = new ReasonCode[request.Codes];
            if (codes.Length != request.Codes)
                throw Fault.Protocol($"{acknowledgement} with {codes.Length} reason codes for {request.Codes} filters (3.9.3)");
            _requests.Remove(packetId);
        }
        if (request.IsPublish) ReleasePublishSlot();
        request.TrySetResult(codes.ToArray());
    }

    /// <summary>It could not be sent after all.</summary>
    public void Withdraw(Request request)
    {
        lock (_gate) _requests.Remove(request.PacketId);
        if (request.IsPublish) ReleasePublishSlot();
    }

    /// <summary>Fails everything that waits, now and later.</summary>
    public void End(Exception error)
    {
        Request[] requests;
        TaskCompletionSource[] waiting;
        lock (_gate)
        {
            if (_ended is not null) return;
            _ended = error;
            requests = [.. _requests.Values];
            waiting = [.. _waiting];
            _requests.Clear();
            _waiting.Clear();
        }
        foreach (var request in requests) Fail(request, error);
        foreach (var waiter in waiting)
        {
            if (waiter.TrySetException(error)) _ = waiter.Task.Exception;
        }
    }

    private static void Fail(Request request, Exception error)
    {
        // Reading it marks it observed: the caller may have cancelled and gone.
        if (request.TrySetException(error)) _ = request.Task.Exception;
    }

    private async Task Wait(TaskCompletionSource waiter, CancellationToken cancellation)
    {
        try
        {
            await waiter.Task.WaitAsync(cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Granted in the same moment: hand it on.
            if (!waiter.TrySetCanceled(cancellation) && waiter.Task.IsCompletedSuccessfully) ReleasePublishSlot();
            throw;
        }
    }

    private void ReleasePublishSlot()
    {
        lock (_gate)
        {
            while (_waiting.TryDequeue(out var next))
            {
                if (next.TrySetResult()) return;
            }
            _freeSlots++;
        }
    }

    internal sealed class Request(ushort packetId, PacketType acknowledgement, int codes)
        : TaskCompletionSource<ReasonCode[]>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public ushort PacketId { get; } = packetId;

        /// <summary>The one that is awaited next.</summary>
        public PacketType Acknowledgement { get; set; } = acknowledgement;
        public bool IsPublish => Acknowledgement is PacketType.PubAck or PacketType.PubRec or PacketType.PubComp;
        public int Codes { get; } = codes;
    }
}
