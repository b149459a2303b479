using Fleet.Interfaces.Devices;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Serialization;

namespace Fleet.UnitTests.Architecture;

/// <summary>Every message comes through Orleans' serializer as it went in, however its members are filled.</summary>
public sealed class ContractRoundTripTests
{
    private const int Fillings = 40;

    private static readonly Serializer Serializer = new ServiceCollection()
        .AddSerializer(serializer => serializer.AddAssembly(typeof(IDeviceGrain).Assembly))
        .BuildServiceProvider().GetRequiredService<Serializer>();

    public static TheoryData<Type> Messages => [.. MessageMaker.Messages];

    [Theory, MemberData(nameof(Messages))]
    public void A_message_comes_through_the_serializer_as_it_was(Type message)
    {
        for (int seed = 0; seed < Fillings; seed++)
        {
            object sent = new MessageMaker(seed).Make(message);
            object received = Serializer.Deserialize<object>(Serializer.SerializeToArray(sent))!;
            Assert.Equal(sent.GetType(), received.GetType());
            var (before, after) = (MessageText.Of(sent), MessageText.Of(received));
            Assert.True(before == after, $"seed {seed}: {before} became {after}");
        }
    }

    [Fact]
    public void All_messages_are_tried() => Assert.True(MessageMaker.Messages.Length > 100, $"{MessageMaker.Messages.Length}");
}
