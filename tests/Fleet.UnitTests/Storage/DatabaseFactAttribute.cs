using Xunit.Abstractions;
using Xunit.Sdk;

namespace Fleet.UnitTests.Storage;

/// <summary>
/// A test that both databases must pass: it stands in a class that is generic in its database and runs once per class <c>…OnSqlite</c>,
/// <c>…OnPostgres</c>. The latter are skipped, and say so, where there is no PostgreSQL.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer("Fleet.UnitTests.Storage." + nameof(DatabaseFactDiscoverer), "Fleet.UnitTests")]
public sealed class DatabaseFactAttribute : FactAttribute;

public sealed class DatabaseFactDiscoverer(IMessageSink diagnostics) : FactDiscoverer(diagnostics)
{
    protected override IXunitTestCase CreateTestCase(ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod, IAttributeInfo factAttribute) =>
        new DatabaseTestCase(
            DiagnosticMessageSink, discoveryOptions.MethodDisplayOrDefault(), discoveryOptions.MethodDisplayOptionsOrDefault(), testMethod);
}

public sealed class DatabaseTestCase : XunitTestCase
{
#pragma warning disable CS0618 // xunit makes one with it, to fill it from what it has stored.
    public DatabaseTestCase() { }
#pragma warning restore CS0618

    public DatabaseTestCase(IMessageSink diagnostics, TestMethodDisplay display, TestMethodDisplayOptions options, ITestMethod method)
        : base(diagnostics, display, options, method) { }

    protected override string? GetSkipReason(IAttributeInfo factAttribute) =>
        TestMethod.TestClass.Class.Name.EndsWith("OnPostgres", StringComparison.Ordinal) ? PostgresServer.Missing : base.GetSkipReason(factAttribute);
}
