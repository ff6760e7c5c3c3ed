internal import NodeRuntime

/// Everything a rank process of this executable can run. A new workload is a file here and a line in this list.
enum WorkloadCatalog {
    static let all: [any Workload.Type] = [
        GenerateWorkload.self,
        IdleWorkload.self,
        CollectivesWorkload.self,
        ExpertsWorkload.self,
        LatencyWorkload.self,
        OperationsWorkload.self,
        OrderingWorkload.self,
        ScaleWorkload.self,
        ScoreWorkload.self,
        SmokeWorkload.self,
        SoakWorkload.self,
        SurviveWorkload.self,
        VerifyWorkload.self,
    ]
}
