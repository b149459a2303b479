using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime;
using Orleans.Timers;

namespace Orleans
{
    /// <summary>Reminders of a grain: durable, they activate it when due. See <see cref="IRemindable"/>.</summary>
    public static class GrainReminderExtensions
    {
        /// <param name="dueTime">Until the first tick, not negative.</param>
        /// <param name="period">Between ticks, at least the engine's minimum (a minute).</param>
        public static Task<IGrainReminder> RegisterOrUpdateReminder(
            this IGrainBase grain, string reminderName, TimeSpan dueTime, TimeSpan period)
        {
            ArgumentException.ThrowIfNullOrWhiteSpace(reminderName);
            if (grain is not IRemindable)
                throw new InvalidOperationException($"Grain {Context(grain).GrainId} must implement {nameof(IRemindable)} to use reminders.");
            return Registry(grain).RegisterOrUpdateReminder(Context(grain).GrainId, reminderName, dueTime, period);
        }

        /// <exception cref="ReminderException">It was updated by somebody else since.</exception>
        public static Task UnregisterReminder(this IGrainBase grain, IGrainReminder reminder) =>
            Registry(grain).UnregisterReminder(Context(grain).GrainId, reminder);

        public static Task<IGrainReminder?> GetReminder(this IGrainBase grain, string reminderName)
        {
            ArgumentException.ThrowIfNullOrWhiteSpace(reminderName);
            return Registry(grain).GetReminder(Context(grain).GrainId, reminderName);
        }

        public static Task<List<IGrainReminder>> GetReminders(this IGrainBase grain) => Registry(grain).GetReminders(Context(grain).GrainId);

        private static IReminderRegistry Registry(IGrainBase grain) =>
            Context(grain).ActivationServices.GetRequiredService<IReminderRegistry>();

        private static IGrainContext Context(IGrainBase grain)
        {
            ArgumentNullException.ThrowIfNull(grain);
            return grain.GrainContext;
        }
    }
}

namespace Orleans.Timers
{
    public interface IReminderRegistry
    {
        Task<IGrainReminder> RegisterOrUpdateReminder(GrainId callingGrainId, string reminderName, TimeSpan dueTime, TimeSpan period);

        Task UnregisterReminder(GrainId callingGrainId, IGrainReminder reminder);

        Task<IGrainReminder?> GetReminder(GrainId callingGrainId, string reminderName);

        Task<List<IGrainReminder>> GetReminders(GrainId callingGrainId);
    }
}
