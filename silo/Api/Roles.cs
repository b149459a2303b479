namespace Fleet.Silo.Api;

/// <summary>
/// Authorization policies, one per role; each includes those before it, save that publisher and operator stand side by side.
/// </summary>
internal static class Roles
{
    public const string Viewer = "viewer";
    public const string Operator = "operator";
    public const string Publisher = "publisher";
    public const string Admin = "admin";
}
