using BenchmarkDotNet.Running;

// dotnet run --project tests/Fleet.Benchmarks -c Release -- --inProcess --filter '*Mqtt*'
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
