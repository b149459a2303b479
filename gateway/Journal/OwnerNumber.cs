namespace Fleet.Gateway.Journal;

/// <summary>A gateway in one of its lives, as an owner of sessions.</summary>
/// <param name="Value">Among all owners there ever were, from 1.</param>
public readonly record struct OwnerNumber(long Value);
