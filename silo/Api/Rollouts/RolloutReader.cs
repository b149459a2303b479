using System.Text.Json;
using Fleet.Grains.Index;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Rollouts;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Fleet.Silo.Api.Rollouts;

/// <summary>
/// Reads the body of POST /rollouts (design, section 8). Ranges are the grain's to judge; here it is about names and kinds.
/// </summary>
internal static class RolloutReader
{
    /// <summary>The request, or the first problem, with its JSON path.</summary>
    public static (RolloutRequest? Request, ProblemHttpResult? Problem) Read(JsonElement body)
    {
        var problem = new BodyProblem();
        var top = new StrictObject(body, "", problem).Only(["name", "target", "firmware", "plan"]);
        string name = top.Text("name", required: true) ?? "";
        var target = Target(top.Object("target", required: true), problem);
        var (model, version) = Firmware(top.Object("firmware", required: true), problem);
        var plan = Plan(top.Object("plan", required: true), problem);
        return problem.First is { } first ? (null, first) : (new RolloutRequest(name, target, model, version, plan), null);
    }

    private static RolloutTarget Target(StrictObject target, BodyProblem problem)
    {
        target = target.Only(["query", "things"], "group");
        string? query = target.Text("query", required: false);
        if (query is not null)
        {
            string path = target.PathOf("query");
            if (FleetQueryParser.Parse(query) is FleetQueryParse.Invalid invalid)
                problem.Invalid(path, $"At {invalid.Position}: {invalid.Detail}");
        }
        return new(
            query,
            target.Array(
                "things",
                (item, path) => Name<ThingName>(item.ValueKind is JsonValueKind.String ? item.GetString() : null, path, problem)));
    }

    private static (ModelName, FirmwareVersion) Firmware(StrictObject firmware, BodyProblem problem)
    {
        firmware = firmware.Only(["model", "version"]);
        return (
            Name<ModelName>(firmware.Text("model", required: true), firmware.PathOf("model"), problem),
            Name<FirmwareVersion>(firmware.Text("version", required: true), firmware.PathOf("version"), problem));
    }

    private static RolloutPlan Plan(StrictObject plan, BodyProblem problem)
    {
        plan = plan.Only(["phases", "rate", "concurrency", "gates", "deadlines", "proof"], "retry", "window", "rollback", "ends");
        if (!plan.Has("phases")) problem.Invalid(plan.PathOf("phases"), "Must be given.");
        return new()
        {
            Phases = plan.Array("phases", (item, path) => Phase(new(item, path, problem))) ?? [],
            Rate = Rate(plan.Object("rate", required: false)),
            ConcurrencyTotal = Concurrency(plan.Object("concurrency", required: false)),
            Gates = plan.Array("gates", (item, path) => Gate(new(item, path, problem))) ?? PlanDefaults.Gates,
            Deadlines = Deadlines(plan.Object("deadlines", required: false)),
            Proof = Proof(plan.Object("proof", required: false)),
        };
    }

    private static RolloutPhase Phase(StrictObject phase) =>
        new(phase.Only(["percent"], "soak", "approval").Number("percent", required: true) ?? 0);

    private static RolloutRate Rate(StrictObject rate)
    {
        rate = rate.Only(["basePerMinute", "incrementFactor", "every", "maximumPerMinute"]);
        int basePerMinute = rate.Integer("basePerMinute", required: rate.IsPresent) ?? PlanDefaults.PerMinute;
        double factor = rate.Number("incrementFactor", required: false) ?? 1;
        var every = rate.Object("every", required: false).Only(["succeeded"]);
        return new()
        {
            BasePerMinute = basePerMinute,
            IncrementFactor = factor,
            EverySucceeded = every.Integer("succeeded", required: every.IsPresent),
            // One that grows ends somewhere even if nobody says where.
            MaximumPerMinute = rate.Integer("maximumPerMinute", required: false)
                ?? (factor > 1 ? Math.Max(basePerMinute, PlanDefaults.PerMinute) : basePerMinute),
        };
    }

    private static int Concurrency(StrictObject concurrency)
    {
        concurrency = concurrency.Only(["total"], "per");
        return concurrency.Integer("total", required: concurrency.IsPresent) ?? PlanDefaults.Concurrency;
    }

    private static RolloutGate Gate(StrictObject gate)
    {
        gate = gate.Only(["failure", "thresholdPercent", "minimumExecuted", "action"], "limitPercent", "confidence");
        return new(
            gate.Choice<GateFailure>("failure", required: true, ("any", GateFailure.Any), ("rejected", GateFailure.Rejected),
                ("failed", GateFailure.Failed), ("rolledBack", GateFailure.RolledBack), ("timedOut", GateFailure.TimedOut)) ?? default,
            gate.Number("thresholdPercent", required: true) ?? 0,
            gate.Integer("minimumExecuted", required: true) ?? 0,
            gate.Choice<GateAction>("action", required: true, ("pause", GateAction.Pause), ("abort", GateAction.Abort)) ?? default);
    }

    private static RolloutDeadlines Deadlines(StrictObject deadlines)
    {
        deadlines = deadlines.Only(["queued", "downloading", "installing", "confirming"]);
        var all = PlanDefaults.Deadlines;
        return new(
            deadlines.Duration("queued") ?? all.Queued, deadlines.Duration("downloading") ?? all.Downloading,
            deadlines.Duration("installing") ?? all.Installing, deadlines.Duration("confirming") ?? all.Confirming);
    }

    private static RolloutProof Proof(StrictObject proof)
    {
        proof = proof.Only(["kind", "healthyFor"]);
        return new(
            proof.Choice<bool>("kind", required: proof.IsPresent, ("boot", true), ("report", false)) ?? PlanDefaults.Proof.Boot,
            proof.Duration("healthyFor") ?? PlanDefaults.Proof.HealthyFor);
    }

    private static T Name<T>(string? text, string path, BodyProblem problem) where T : struct, IName<T>
    {
        if (T.TryParse(text, out var name)) return name;
        problem.Invalid(path, $"Must be {T.Grammar}.");
        return default;
    }
}
