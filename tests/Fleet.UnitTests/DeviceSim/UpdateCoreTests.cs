using Fleet.DeviceSim.Agent.Boot;
using Fleet.DeviceSim.Agent.Jobs;
using Fleet.DeviceSim.Agent.Updates;

namespace Fleet.UnitTests.DeviceSim;

public sealed class UpdateCoreTests
{
    private static readonly Firmware Next = Firmware.Of("1.1.0") with { Floor = "1.1.0" };
    private static readonly FirmwareJob Job = Next.Job();
    private static readonly RunningImage Old = new(Slot.A, "1.0.0", "ok");
    private static readonly RunningImage New = new(Slot.B, "1.1.0", "ok");
    private static readonly DeviceState Fresh = DeviceState.FromFactory("1.0.0");

    [Fact]
    public void The_whole_way_from_start_next_to_succeeded()
    {
        var (state, running) = (Fresh, Old);
        Expect(ref state, running, new UpdateInput.Proved(), new UpdateEffect.StartNext());
        Expect(ref state, running, Head(Job), new UpdateEffect.Download(Job));
        Expect(ref state, running, new UpdateInput.Fetched(Job.Key), new UpdateEffect.ReportStep(Job.Key, UpdateStep.Installing));
        Expect(ref state, running, new UpdateInput.StepAccepted(Job.Key, UpdateStep.Installing), new UpdateEffect.Install(Job));
        Expect(ref state, running, new UpdateInput.SlotWritten(Job.Key), new UpdateEffect.ReportStep(Job.Key, UpdateStep.Confirming));
        Assert.Equal((Slot.A, new BootTrial(Slot.B, 0), 1, null), (state.Active, state.Trial, state.Installs["1.1.0"], state.Floor));
        Expect(ref state, running, new UpdateInput.StepAccepted(Job.Key, UpdateStep.Confirming), new UpdateEffect.Restart());
        (state, var slot) = BootCore.Boot(state, trialIsBootable: true);
        Assert.Equal(Slot.B, slot);
        running = New;
        Expect(ref state, running, new UpdateInput.Proved(), Outcome(JobResult.Succeeded, "runs 1.1.0 from slot b"));
        Assert.Equal((Slot.B, null, "1.1.0"), (state.Active, state.Trial, state.Floor));
        Expect(ref state, running, new UpdateInput.OutcomeAccepted(Job.Key), new UpdateEffect.StartNext());
        Assert.Null(state.Update);
        Expect(ref state, running, Head(Job), Outcome(JobResult.Succeeded, "runs 1.1.0 from slot b"));    // a replay is answered, not run
        Assert.Equal(1, state.Installs["1.1.0"]);
    }

    [Fact]
    public void A_queued_head_is_started_and_a_repeat_of_the_running_one_changes_nothing()
    {
        var state = Fresh;
        Expect(ref state, Old, new UpdateInput.HeadIs(Next.Execution(status: "QUEUED"), null), new UpdateEffect.StartNext());
        Expect(ref state, Old, Head(Job), new UpdateEffect.Download(Job));
        Expect(ref state, Old, Head(Job), fetching: true);
    }

    [Fact]
    public void Nothing_pending_or_another_head_cancels_the_download()
    {
        var downloading = Fresh with { Update = new UpdateRecord(Job, UpdateStep.Downloading) };
        var state = downloading;
        Expect(ref state, Old, new UpdateInput.HeadIs(null, null), true, new UpdateEffect.StopDownload(), new UpdateEffect.Discard());
        Assert.Null(state.Update);
        state = downloading;
        Expect(ref state, Old, Head(Next.Job("job-2")), true, new UpdateEffect.StopDownload(), new UpdateEffect.Discard(), new UpdateEffect.StartNext());
        Assert.Null(state.Update);
        state = downloading;
        Expect(ref state, Old, Head(Next.Job(number: 2)), true, new UpdateEffect.StopDownload(), new UpdateEffect.Discard(), new UpdateEffect.StartNext());
    }

    [Fact]
    public void What_the_service_no_longer_wants_is_not_booted()
    {
        var state = Fresh.With(Slot.B, new SlotContent("1.1.0", Job.Sha256)) with
        {
            Trial = new BootTrial(Slot.B, 0), Update = new UpdateRecord(Job, UpdateStep.Confirming),
        };
        Expect(ref state, Old, new UpdateInput.ExecutionGone(Job.Key), new UpdateEffect.StartNext());
        Assert.Equal((null, null), (state.Trial, state.Update));
    }

    [Fact]
    public void A_device_that_booted_an_image_before_it_said_confirming_says_so_and_restarts_once_more()
    {
        var state = Fresh.With(Slot.B, new SlotContent("1.1.0", Job.Sha256)) with
        {
            Trial = new BootTrial(Slot.B, 1), Update = new UpdateRecord(Job, UpdateStep.Confirming),
        };
        Expect(ref state, New, new UpdateInput.Proved(), new UpdateEffect.StartNext());
        Expect(ref state, New, Head(Job), new UpdateEffect.ReportStep(Job.Key, UpdateStep.Confirming));
        Expect(ref state, New, new UpdateInput.StepAccepted(Job.Key, UpdateStep.Confirming), new UpdateEffect.Restart());
        Expect(ref state, New, new UpdateInput.Proved(), Outcome(JobResult.Succeeded, "runs 1.1.0 from slot b"));
    }

    [Theory]
    [InlineData("1.0.0", "a", "ok", "rolled back: runs 1.0.0 from slot a")]
    [InlineData("1.1.0", "b", "failed", "health is failed on 1.1.0 from slot b")]
    [InlineData("1.0.9", "b", "ok", "the image runs as 1.0.9 from slot b, the manifest says 1.1.0")]
    public void A_device_that_does_not_prove_itself_has_failed_and_goes_back(string version, string slot, string health, string reason)
    {
        var running = new RunningImage(slot == "a" ? Slot.A : Slot.B, version, health);
        var state = Fresh.With(Slot.B, new SlotContent("1.1.0", Job.Sha256)) with
        {
            Trial = slot == "a" ? null : new BootTrial(Slot.B, 1), Update = new UpdateRecord(Job, UpdateStep.Confirming) { Announced = true },
        };
        Expect(ref state, running, new UpdateInput.Proved(), Outcome(JobResult.Failed, reason));
        Assert.Equal((Slot.A, null, null), (state.Active, state.Trial, state.Floor));
        Expect(
            ref state, running, new UpdateInput.OutcomeAccepted(Job.Key),
            slot == "a" ? new UpdateEffect.StartNext() : new UpdateEffect.Restart());
    }

    [Fact]
    public void A_wrong_digest_is_fetched_again_and_fails_the_third_time()
    {
        var state = Fresh with { Update = new UpdateRecord(Job, UpdateStep.Downloading) };
        for (int i = 1; i < UpdateCore.DigestAttempts; i++)
            Expect(ref state, Old, new UpdateInput.DigestWrong(Job.Key, "beef"), new UpdateEffect.Discard(), new UpdateEffect.Download(Job));
        Expect(ref state, Old, new UpdateInput.DigestWrong(Job.Key, "beef"), new UpdateEffect.Discard(),
            Outcome(JobResult.Failed, $"the digest is beef after 3 downloads, the manifest says {Job.Sha256}"));
    }

    [Fact]
    public void A_wrong_file_signature_is_rejected_and_nothing_is_kept()
    {
        var state = Fresh with { Update = new UpdateRecord(Job, UpdateStep.Downloading) };
        Expect(ref state, Old, new UpdateInput.FileSignatureWrong(Job.Key), new UpdateEffect.Discard(),
            Outcome(JobResult.Rejected, "the image is not signed by the firmware signer"));
    }

    [Fact]
    public void A_refused_document_is_rejected_once_and_again_when_asked_again()
    {
        var state = Fresh;
        var head = new UpdateInput.HeadIs(Next.Execution(), new Admission.Refused("no"));
        Expect(ref state, Old, head, Outcome(JobResult.Rejected, "no"));
        Expect(ref state, Old, head, Outcome(JobResult.Rejected, "no"));
        Assert.Null(state.Update);
    }

    [Fact]
    public void A_refused_link_is_asked_for_again_and_fails_the_third_time()
    {
        var state = Fresh with { Update = new UpdateRecord(Job, UpdateStep.Downloading) };
        for (int i = 1; i < UpdateCore.LinkAttempts; i++) Expect(ref state, Old, new UpdateInput.LinkRefused(Job.Key, "403"), new UpdateEffect.StartNext());
        Expect(ref state, Old, new UpdateInput.LinkRefused(Job.Key, "403"), new UpdateEffect.Discard(), Outcome(JobResult.Failed, "403"));
    }

    [Fact]
    public void A_version_that_runs_already_is_proved_by_a_restart_and_not_written_again()
    {
        var state = Fresh.With(Slot.A, new SlotContent("1.1.0", Job.Sha256));
        var running = new RunningImage(Slot.A, "1.1.0", "ok");
        Expect(ref state, running, Head(Job), new UpdateEffect.ReportStep(Job.Key, UpdateStep.Confirming));
        Expect(ref state, running, new UpdateInput.StepAccepted(Job.Key, UpdateStep.Confirming), new UpdateEffect.Restart());
        Expect(ref state, running, new UpdateInput.Proved(), Outcome(JobResult.Succeeded, "runs 1.1.0 from slot a"));
        Assert.Empty(state.Installs);
    }

    [Fact]
    public void What_concerns_another_execution_came_late_and_changes_nothing()
    {
        var state = Fresh with { Update = new UpdateRecord(Job, UpdateStep.Downloading) };
        var other = new JobKey("job-0", 1);
        foreach (var late in new UpdateInput[]
        {
            new UpdateInput.Fetched(other), new UpdateInput.DigestWrong(other, "x"), new UpdateInput.ExecutionGone(other),
            new UpdateInput.OutcomeAccepted(other),
            new UpdateInput.StepAccepted(other, UpdateStep.Confirming), new UpdateInput.SlotWritten(other),
        })
        {
            Expect(ref state, Old, late, fetching: true);
        }
        Assert.Equal(new UpdateRecord(Job, UpdateStep.Downloading), state.Update);
    }

    [Theory, InlineData(1), InlineData(2), InlineData(3), InlineData(4), InlineData(5), InlineData(6), InlineData(7), InlineData(8)]
    public void In_any_order_of_events_a_slot_is_written_once_and_the_floor_never_falls(int seed)
    {
        var random = new Random(seed);
        var jobs = new[] { Job, Next.Job(number: 2), (Firmware.Of("1.2.0") with { Floor = "1.0.0" }).Job("job-2") };
        var (state, running) = (Fresh, Old);
        var trail = new List<string>();
        for (int step = 0; step < 400; step++)
        {
            var about = jobs[random.Next(jobs.Length)];
            UpdateInput input = random.Next(14) switch
            {
                0 => Head(about),
                1 => new UpdateInput.HeadIs(null, null),
                2 => new UpdateInput.Fetched(about.Key),
                3 => new UpdateInput.StepAccepted(about.Key, (UpdateStep)random.Next(3)),
                4 => new UpdateInput.SlotWritten(about.Key),
                5 => new UpdateInput.OutcomeAccepted(about.Key),
                6 => new UpdateInput.ExecutionGone(about.Key),
                7 => new UpdateInput.DigestWrong(about.Key, "x"),
                8 => new UpdateInput.ImageLost(about.Key),
                _ => new UpdateInput.Proved(),
            };
            var before = state;
            var decision = UpdateCore.Decide(state, running, fetching: false, input);
            state = decision.State;
            trail.Add($"{step}: {input} -> {string.Join(", ", decision.Effects)}");
            Check(Floor(before) <= Floor(state), "the floor fell");
            Check(state.Trial is null || state.Trial.Slot != state.Active, "the active slot is on trial");
            Check(state.Update is not { Step: UpdateStep.Decided } update || update.Outcome is not null, "decided without an outcome");
            Check(state.In(state.Active) == before.In(state.Active), "the active slot was written");
            if (decision.Effects.Any(effect => effect is UpdateEffect.Restart))
            {
                (state, var slot) = BootCore.Boot(state, trialIsBootable: random.Next(4) > 0);
                running = new RunningImage(slot, state.In(slot)!.Version, "ok");
            }
        }

        void Check(bool holds, string otherwise) => Assert.True(holds, $"seed {seed}: {otherwise}\n{string.Join('\n', trail.TakeLast(10))}");

        static int Floor(DeviceState state) => state.Floor is null ? 0 : state.Floor[2] - '0' + 1;
    }

    private static UpdateInput.HeadIs Head(FirmwareJob job) => new(
        Next.Execution(job.Key.JobId, job.Key.ExecutionNumber), new Admission.Admitted(job));

    private static UpdateEffect.ReportOutcome Outcome(JobResult result, string reason) => new(Job.Key, new Outcome(result, reason));

    private static void Expect(ref DeviceState state, RunningImage running, UpdateInput input, params UpdateEffect[] effects) =>
        Expect(ref state, running, input, false, effects);

    private static void Expect(ref DeviceState state, RunningImage running, UpdateInput input, bool fetching, params UpdateEffect[] effects)
    {
        var decision = UpdateCore.Decide(state, running, fetching, input);
        Assert.Equal<UpdateEffect>(effects, decision.Effects);
        state = decision.State;
    }
}
