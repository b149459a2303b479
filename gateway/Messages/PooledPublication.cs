using System.Buffers;
using Fleet.Mqtt;

namespace Fleet.Gateway.Messages;

/// <summary>A message whose memory is used again once all who had it are done with it. Who makes it has it, and releases it.</summary>
internal abstract class CountedPublication : Publication
{
    private int _holders = 1;
    private volatile bool _kept;

    protected CountedPublication()
    {
    }

    protected CountedPublication(ReadOnlyMemory<byte> topic, ReadOnlyMemory<byte> payload, Qos qos) : base(topic, payload, qos)
    {
    }

    public override void Hold()
    {
        if (!_kept) Interlocked.Increment(ref _holders);
    }

    public override void Release()
    {
        if (_kept) return;
        int left = Interlocked.Decrement(ref _holders);
        if (left == 0) Recycle();
        else if (left < 0) throw new InvalidOperationException("A message was released more often than it was held.");
    }

    // Who says so has it, and is not counted out any more: the others cannot come to 0.
    public override void Keep() => _kept = true;

    /// <summary>Nobody has it any more.</summary>
    protected abstract void Recycle();

    /// <summary>Somebody new has it.</summary>
    protected void Begin() => _holders = 1;
}

/// <summary>A message in memory that was rented: a block of firmware.</summary>
/// <param name="rented">From <see cref="ArrayPool{T}.Shared"/>, holding the payload from its start; this message returns it.</param>
internal sealed class PooledPublication(ReadOnlyMemory<byte> topic, byte[] rented, int length, Qos qos)
    : CountedPublication(topic, rented.AsMemory(0, length), qos)
{
    protected override void Recycle() => ArrayPool<byte>.Shared.Return(rented);
}

/// <summary>
/// A message that passes through: it is delivered to clients that are here, none of which outlives its connection, and to nobody else.
/// </summary>
internal sealed class PassingPublication : CountedPublication
{
    /// <summary>A larger one rents its memory.</summary>
    private const int OwnBytes = 512;

    [ThreadStatic] private static Pool? t_pool;

    private readonly Pool _home;
    private readonly byte[] _own = GC.AllocateUninitializedArray<byte>(OwnBytes);
    private byte[]? _rented;

    private PassingPublication(Pool home) => _home = home;

    /// <summary>As <see cref="Publication.Copy"/>.</summary>
    public static PassingPublication Rent(
        ReadOnlySpan<byte> topic, in ReadOnlySequence<byte> payload, Qos qos, ReadOnlySpan<byte> forwarded, long? expiresAt)
    {
        var message = (t_pool ??= new Pool()).Rent();
        long bytes = topic.Length + forwarded.Length + payload.Length;
        if (bytes > OwnBytes) message._rented = ArrayPool<byte>.Shared.Rent((int)bytes);
        message.Begin();
        message.Fill(message._rented ?? message._own, topic, payload, qos, forwarded, expiresAt);
        return message;
    }

    protected override void Recycle()
    {
        if (_rented is not null) ArrayPool<byte>.Shared.Return(_rented);
        _rented = null;
        Number = null;
        _home.Return(this);
    }

    /// <summary>One thread's. It takes from its own, and whoever is the last to have a message brings it home.</summary>
    private sealed class Pool
    {
        private const int MaxKept = 1_024;
        private readonly Lock _gate = new();
        private readonly Stack<PassingPublication> _free = new();

        public PassingPublication Rent()
        {
            lock (_gate)
            {
                if (_free.TryPop(out var message)) return message;
            }
            return new PassingPublication(this);
        }

        public void Return(PassingPublication message)
        {
            lock (_gate)
            {
                if (_free.Count < MaxKept) _free.Push(message);
            }
        }
    }
}
