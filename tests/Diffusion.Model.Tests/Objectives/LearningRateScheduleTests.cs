using Diffusion.Model.Objectives;

namespace Diffusion.Model.Tests.Objectives;

public class LearningRateScheduleTests
{
    [Fact]
    public void At_RecordedCounts_Match()
    {
        using var schedules = GoldenFiles.Case("schedules");
        foreach (var row in schedules.Rows("learning_rate"))
        {
            var schedule = new LearningRateSchedule(row.Number("ref_lr"), row.Number("ref_batches"), row.Number("rampup_Mimg") * 1e6);

            double rate = schedule.At((long)row.Number("cur_nimg"), (long)row.Number("batch_size"));

            Assert.Equal(row.Number("lr"), rate, 1e-12 * row.Number("ref_lr"));
        }
    }
}
