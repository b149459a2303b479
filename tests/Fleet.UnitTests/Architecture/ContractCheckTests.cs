using Fleet.Interfaces.Devices;
using Orleans.Runtime;

namespace Fleet.UnitTests.Architecture;

public sealed class ContractCheckTests
{
    [Theory]
    [InlineData(typeof(Bad.Unmarked), "Unmarked has no [GenerateSerializer]")]
    [InlineData(typeof(Bad.NotImmutable), "NotImmutable has no [Immutable]")]
    [InlineData(typeof(Bad.Settable), "Settable.Value can be set after construction")]
    [InlineData(typeof(Bad.MutableField), "MutableField.Value can be set after construction")]
    [InlineData(typeof(Bad.MutablePositional), "MutablePositional.Value can be set after construction")]
    [InlineData(typeof(Bad.WithoutId), "WithoutId.Second has no [Id]")]
    [InlineData(typeof(Bad.PositionalWithoutId), "PositionalWithoutId.Value has no [Id]")]
    [InlineData(typeof(Bad.SameId), "SameId.Second has the [Id(0)] of First")]
    [InlineData(typeof(Bad.WithArray), "System.Byte[] can be changed by whoever holds it; use ImmutableArray<Byte>")]
    [InlineData(typeof(Bad.WithList), "can be changed, or hide something that can")]
    [InlineData(typeof(Bad.WithReadOnlyList), "can be changed, or hide something that can")]
    [InlineData(typeof(Bad.WithObject), "System.Object cannot be a message")]
    [InlineData(typeof(Bad.WithStream), "System.IO.Stream cannot be sent")]
    [InlineData(typeof(Bad.Outer), "Unmarked has no [GenerateSerializer]")]
    [InlineData(typeof(Bad.Union), "UnmarkedCase has no [GenerateSerializer]")]
    [InlineData(typeof(Bad.Derived), "DerivedFrom.Value can be set after construction")]
    [InlineData(typeof(ImmutableArray<Bad.Unmarked>), "Unmarked has no [GenerateSerializer]")]
    [InlineData(typeof((int, Bad.Unmarked?)), "Unmarked has no [GenerateSerializer]")]
    [InlineData(typeof(Dictionary<string, int>), "can be changed, or hide something that can")]
    public void A_message_that_a_cluster_could_not_send_is_named(Type message, string problem)
    {
        List<string> problems = [];
        new MessageCheck(problems.Add).Value(message, "test");
        Assert.Contains(problems, p => p.Contains(problem, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(typeof(Good.Everything))]
    [InlineData(typeof(Good.Union))]
    [InlineData(typeof(Good.Tree))]
    [InlineData(typeof(Good.Page<Good.Tree>))]
    [InlineData(typeof((int Count, ReadOnlyMemory<byte> Bytes)?))]
    public void An_immutable_message_passes(Type message)
    {
        List<string> problems = [];
        new MessageCheck(problems.Add).Value(message, "test");
        Assert.Empty(problems);
    }

    [Theory]
    [InlineData(typeof(Bad.IReturnsInt), "IReturnsInt.Get: returns System.Int32")]
    [InlineData(typeof(Bad.IVoid), "IVoid.Do: returns System.Void")]
    [InlineData(typeof(Bad.IGeneric), "IGeneric.Get: a contract has plain methods only")]
    [InlineData(typeof(Bad.IProperty), "IProperty.get_Value: a contract has plain methods only")]
    [InlineData(typeof(Bad.IByReference), "IByReference.Get: parameter value is by reference")]
    [InlineData(typeof(Bad.ISends), "ISends.Send, parameter message: Fleet.UnitTests.Architecture.Bad+Unmarked has no [")]
    [InlineData(typeof(Bad.IReturns), "IReturns.Get, result: Fleet.UnitTests.Architecture.Bad+Unmarked has no [GenerateSerializer]")]
    public void A_contract_that_a_cluster_could_not_serve_is_named(Type contract, string problem) =>
        Assert.Contains(ContractCheck.Problems([contract]), p => p.Contains(problem, StringComparison.Ordinal));

    [Fact]
    public void The_contracts_have_no_problems() => Assert.Empty(ContractCheck.Problems(
        typeof(IDeviceGrain).Assembly.GetTypes().Where(type => type.IsInterface && type.IsAssignableTo(typeof(IAddressable)))));
}
