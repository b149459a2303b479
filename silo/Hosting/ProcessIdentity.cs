namespace Fleet.Silo.Hosting;

/// <param name="Role">What this process does.</param>
/// <param name="Engine">What runs its grains: embedded or orleans.</param>
internal sealed record ProcessIdentity(ProcessRole Role, string Engine);
