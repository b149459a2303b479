using Fleet.Interfaces;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;
using Fleet.Testing;
using Fleet.Testing.Grains;

namespace Fleet.SimulationTests.Gateways;

/// <summary>The grains as a gateway reaches them: wherever they run now.</summary>
internal sealed class GatewayRoads(GatewayWorld world, GatewayProcess gateway) : StringKeyedGrains
{
    public override T GetGrain<T>(string primaryKey, string? grainClassNamePrefix = null) =>
        typeof(T) == typeof(IGatewayGrain) ? (T)(object)new Road(world, primaryKey) : world.Silo.Grains.GetGrain<T>(primaryKey);

    public override T CreateObjectReference<T>(IGrainObserver obj) => (T)(object)new Door(gateway, (IGatewayObserver)obj);

    public override void DeleteObjectReference<T>(IGrainObserver obj) => throw new NotSupportedException();

    /// <summary>To a gateway's grain; its observer is told wherever that runs.</summary>
    private sealed class Road(GatewayWorld world, string key) : IGatewayGrain
    {
        private IGatewayGrain Grain => world.Silo.Grains.GetGrain<IGatewayGrain>(key);

        public Task<GatewayView> Join(IGatewayObserver observer, string? name) => Grain.Join(((Door)observer).At(world.Silo), name);
        public Task<GatewayView?> Beat(IGatewayObserver observer) => Grain.Beat(((Door)observer).At(world.Silo));
        public Task Leave() => Grain.Leave();
        public Task<bool> IsLive() => Grain.IsLive();
        public Task ViewChanged(GatewayView view) => Grain.ViewChanged(view);
        public Task NotifyJobs(JobNotification notification) => Grain.NotifyJobs(notification);
        public Task EndSessionsOf(CertificateId certificate) => Grain.EndSessionsOf(certificate);
        public Task<TakeOverResult> TakeOver(string session, SessionEpoch epoch, bool discard) => Grain.TakeOver(session, epoch, discard);
        public Task<MovedMessages?> Collect(string session, SessionEpoch epoch, string toGateway) => Grain.Collect(session, epoch, toGateway);
        public Task<PeerAnswer> Forward(PeerBatch batch) => Grain.Forward(batch);
        public Task PublishLostSessions(ImmutableArray<LostSession> sessions) => Grain.PublishLostSessions(sessions);
        public Task<FailoverProgress> TakeOverFrom(string deadGatewayId) => Grain.TakeOverFrom(deadGatewayId);
        public Task<bool> FailOver() => Grain.FailOver();
    }

    /// <summary>A gateway's observer, which runs in its process and dies with it.</summary>
    private sealed class Door(GatewayProcess gateway, IGatewayObserver observer) : IGatewayObserver
    {
        private readonly TurnScheduler _turns = new(gateway.Process);
        private SiloProcess? _silo;
        private IGatewayObserver? _reference;

        /// <summary>The reference by which the grains of this silo reach it.</summary>
        public IGatewayObserver At(SiloProcess silo)
        {
            if (_silo != silo) (_silo, _reference) = (silo, silo.Grains.CreateObjectReference<IGatewayObserver>(this));
            return _reference!;
        }

        public void ViewChanged(GatewayView view) => Post(() => observer.ViewChanged(view));

        public Task NotifyJobs(JobNotification notification) => Enter(() => Done(observer.NotifyJobs(notification)));

        public Task EndSessionsOf(CertificateId certificate) => Enter(() => Done(observer.EndSessionsOf(certificate)));

        public Task<MovedSession?> TakeOver(string key, SessionEpoch epoch, bool discard) => Enter(() => observer.TakeOver(key, epoch, discard));

        public Task<MovedMessages?> Collect(string key, SessionEpoch epoch, string toGateway) =>
            Enter(() => observer.Collect(key, epoch, toGateway));

        public Task<PeerAnswer> Forward(PeerBatch batch) => Enter(() => observer.Forward(batch));

        public Task PublishLostSessions(ImmutableArray<LostSession> sessions) => Enter(() => Done(observer.PublishLostSessions(sessions)));

        public Task<FailoverProgress> TakeOverFrom(string deadGatewayId) => Enter(() => observer.TakeOverFrom(deadGatewayId));

        private static async Task<bool> Done(Task task)
        {
            await task;
            return true;
        }

        private void Post(Action action)
        {
            if (!gateway.IsCutOff) _turns.Post(static action => ((Action)action!)(), action);
        }

        private Task<T> Enter<T>(Func<Task<T>> call)
        {
            if (gateway.IsCutOff) return Task.FromException<T>(new TimeoutException("The gateway is cut off."));
            var answer = new TaskCompletionSource<T>();
            Post(() => _ = Run(call, answer));
            return answer.Task;
        }

        private static async Task Run<T>(Func<Task<T>> call, TaskCompletionSource<T> answer)
        {
            try { answer.TrySetResult(await call()); }
            catch (Exception e) { answer.TrySetException(e); }
        }
    }
}
