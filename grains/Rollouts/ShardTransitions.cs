using System.Diagnostics;
using System.Runtime.InteropServices;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Rollouts;

namespace Fleet.Grains.Rollouts;

/// <summary>
/// Applies events to a shard one after the other. Its executions are copied once for all of them: a thousand reports that share a turn
/// would copy a million.
/// </summary>
internal sealed class ShardTransitions(ShardState state)
{
    private const int MaxDetailCharacters = 256;

    /// <summary>Those of <see cref="State"/>, once they are nobody else's and may be changed in place.</summary>
    private ShardExecution[]? _executions;

    public ShardState State { get; private set; } = state;

    public static ShardState Apply(ShardState state, ShardEvent e)
    {
        var transitions = new ShardTransitions(state);
        transitions.Apply(e);
        return transitions.State;
    }

    public void Apply(ShardEvent e) => State = e switch
    {
        ShardOpened { Assignment: var a } => new()
        {
            Job = new(a.Rollout, a.Model, a.Version, a.Stream, a.Document, a.Deadlines, a.Proof),
            Shard = a.Shard,
            FirstPosition = a.FirstPosition,
            Version = State.Version,
            Executions = [.. a.Things.Select(thing => new ShardExecution { Thing = thing })],
        },
        OrderTaken { Order: var o } => State with
        {
            Generation = o.Generation,
            Order = o.Kind,
            // A stop takes the unused rest of the allowance away.
            Allowance = o.Kind is ShardOrderKind.Run ? o.Allowance : State.Admitted,
        },
        DeviceAdmitted a => Change(State with { Admitted = State.Admitted + 1 }, a.Index, x => x with
        {
            Number = x.Number + 1,
            Stage = JobStage.Queued,
            Asked = ShardAsk.Offer,
            AskedAt = a.At,
            Revision = 0,
            StageAt = a.At,
            ProgressAt = a.At,
        }),
        DeviceAsked a => Change(State, a.Index, x => x with { Asked = a.Ask, AskedAt = a.At }),
        DeviceAnswered a => Change(State, a.Index, x => x with { Asked = null, AskedAt = null }),
        ExecutionAdvanced { Report: var r } a => Change(State, a.Index, x => x with
        {
            Stage = r.Stage,
            Revision = r.Revision,
            StageAt = r.StageEnteredAt,
            ProgressAt = r.At,
            ReviewAt = r.ReviewAt,
            // It has the offer, and has started: there is nothing left to offer or to take back.
            Asked = x.Asked is ShardAsk.Cancel ? x.Asked : null,
            AskedAt = x.Asked is ShardAsk.Cancel ? x.AskedAt : null,
        }),
        ExecutionFinished f => Change(State, f.Index, x => new ShardExecution
        {
            Thing = x.Thing,
            Number = x.Number,
            Stage = JobStage.Ended,
            Outcome = f.Outcome,
            Detail = f.Detail is { Length: > MaxDetailCharacters } detail ? detail[..MaxDetailCharacters] : f.Detail,
            Revision = f.Revision,
            StageAt = f.At,
        }),
        OfferTakenBack t => Change(State, t.Index, x => new ShardExecution { Thing = x.Thing, Number = x.Number }),
        ReviewAsked r => Change(State, r.Index, x => x with { ReviewedAt = r.At }),
        SlotsCounted s => State with { Slots = s.Slots },
        StandingChanged c => State with { Version = c.Version },
        _ => throw new UnreachableException($"{e.GetType().Name} has no transition"),
    };

    private ShardState Change(ShardState state, int index, Func<ShardExecution, ShardExecution> change)
    {
        if (_executions is null || ImmutableCollectionsMarshal.AsArray(state.Executions) != _executions)
        {
            _executions = [.. state.Executions];
            state = state with { Executions = ImmutableCollectionsMarshal.AsImmutableArray(_executions) };
        }
        _executions[index] = change(_executions[index]);
        return state;
    }
}
