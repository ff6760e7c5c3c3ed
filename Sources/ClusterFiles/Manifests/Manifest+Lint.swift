internal import Topology

extension Manifest {
    /// Reads a manifest back and checks that what its engine requires is there, with the plan's counts.
    public func lint(_ file: TextFile, _ plan: ManifestPlan) throws(ClusterFileError) {
        guard file.text.hasPrefix("# \(Self.notice)\n") else {
            throw ClusterFileError(file: file.file, line: 1, rule: "does not say that it was generated and not run")
        }
        let top = try Fields(try YAMLReader.read(file), file: file.file)
        switch self {
        case .compose: try lintCompose(top, plan)
        case .jobset: try lintJobSet(top, plan)
        case .leaderworkerset: try lintLeaderWorkerSet(top, plan)
        }
    }

    private func lintCompose(_ top: Fields, _ plan: ManifestPlan) throws(ClusterFileError) {
        try top.refuseOthers(than: "name", "services", "networks")
        try top.require("name", plan.name)
        let services = try top.mapping("services")
        guard services.keys == plan.plan.hosts.map(\.name) else {
            throw top.error("services", "must be the \(plan.plan.hosts.count) hosts of the plan")
        }
        for (index, host) in plan.plan.hosts.enumerated() {
            let service = try services.mapping(host.name)
            try service.refuseOthers(
                than: "image", "hostname", "command", "environment", "labels", "shm_size", "networks", "restart")
            try service.require("image", plan.image)
            try service.requireList("command", Self.composed(plan.command))
            try service.requireList("networks", ["fabric"])
            try service.mapping("labels").require("softpod.dies", "\(host.ranks.count)")
            let environment = try service.mapping("environment")
            try environment.require("SOFTPOD_RANK", "\(index)")
            try environment.require("SOFTPOD_SIZE", "\(plan.plan.hosts.count)")
            _ = try environment.text("SOFTPOD_RENDEZVOUS")
        }
        _ = try top.mapping("networks").mapping("fabric")
    }

    private func lintJobSet(_ top: Fields, _ plan: ManifestPlan) throws(ClusterFileError) {
        try top.require("apiVersion", "jobset.x-k8s.io/v1alpha2")
        try top.require("kind", "JobSet")
        try top.mapping("metadata").require("name", plan.name)
        let jobs = try top.mapping("spec").mappings("replicatedJobs", limit: 1)
        for job in jobs {
            try job.require("name", "host")
            try job.require("replicas", count: 1)
            let spec = try job.mapping("template").mapping("spec")
            try spec.require("completionMode", "Indexed")
            try spec.require("parallelism", count: plan.plan.hosts.count)
            try spec.require("completions", count: plan.plan.hosts.count)
            let template = try spec.mapping("template")
            try template.mapping("spec").require("restartPolicy", "Never")
            try lintPod(template, plan)
        }
    }

    private func lintLeaderWorkerSet(_ top: Fields, _ plan: ManifestPlan) throws(ClusterFileError) {
        try top.require("apiVersion", "leaderworkerset.x-k8s.io/v1")
        try top.require("kind", "LeaderWorkerSet")
        try top.mapping("metadata").require("name", plan.name)
        let spec = try top.mapping("spec")
        try spec.require("replicas", count: 1)
        let group = try spec.mapping("leaderWorkerTemplate")
        try group.require("size", count: plan.plan.hosts.count)
        try group.require("restartPolicy", "RecreateGroupOnPodRestart")
        try lintPod(try group.mapping("workerTemplate"), plan)
    }

    private func lintPod(_ template: Fields, _ plan: ManifestPlan) throws(ClusterFileError) {
        let spec = try template.mapping("spec")
        var volumes: Set<String> = []
        for volume in try spec.mappings("volumes", limit: 1) { volumes.insert(try volume.text("name")) }
        for container in try spec.mappings("containers", limit: 1) {
            _ = try container.text("name")
            try container.require("image", plan.image)
            try container.requireList("command", plan.command)
            for mount in try container.mappings("volumeMounts", limit: 1) {
                let name = try mount.text("name")
                guard volumes.contains(name) else { throw mount.error("name", "\"\(name)\" is not among the volumes") }
            }
            var names: Set<String> = []
            for variable in try container.mappings("env", limit: 64) {
                let name = try variable.text("name")
                guard names.insert(name).inserted else { throw variable.error("name", "\"\(name)\" is there twice") }
                guard variable.has("value") != variable.has("valueFrom") else {
                    throw variable.error("needs value or valueFrom")
                }
                if name == "SOFTPOD_SIZE" { try variable.require("value", "\(plan.plan.hosts.count)") }
            }
            let missing = ["SOFTPOD_RANK", "SOFTPOD_SIZE", "SOFTPOD_RENDEZVOUS"].first { !names.contains($0) }
            if let missing { throw container.error("env", "has no \(missing)") }
        }
    }
}

extension Fields {
    /// Refuses another text.
    func require(_ key: String, _ expected: String) throws(ClusterFileError) {
        let found = try text(key)
        guard found == expected else { throw error(key, "must be \"\(expected)\", is \"\(found)\"") }
    }

    /// Refuses another number.
    func require(_ key: String, count: Int) throws(ClusterFileError) { _ = try integer(key, count...count) }

    /// Refuses other texts.
    func requireList(_ key: String, _ expected: [String]) throws(ClusterFileError) {
        var found: [String] = []
        for (_, node) in try list(key, limit: 4096) {
            guard case .string(let text) = node.value else { throw error(key, "must be a list of texts") }
            found.append(text)
        }
        guard found == expected else { throw error(key, "must be the \(expected.count) words of the plan") }
    }
}
