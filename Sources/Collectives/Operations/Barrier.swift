public import Fabric

extension Collective {
    /// Everybody has come this far, and what everybody put before is visible to all.
    ///
    /// A barrier moves no bytes, so there is nothing to split: as any transfer of at most 512 bytes, the concurrent form is
    /// the pushed one.
    /// - push: each member sends one event to each other and waits for one from each: one hop, n - 1 events, n - 1 waits.
    /// - pull: each member adds to the leader's counter and so reads how many have come; the last one releases all: two hops,
    ///   two messages a member, one wait. Better where dies share cores.
    public func barrier(form: CollectiveForm = .pull) throws(FabricError) {
        form.check()
        try perform(.barrier) { () throws(FabricError) in
            try endpoint.quiet()
            guard form.pushes, team.size > 1 else {
                return try team.sync(deadline: workspace.timeout.map(endpoint.deadline))
            }
            for step in 1..<team.size {
                try workspace.signal(team.member((team.rank + step) % team.size))
            }
            for step in 1..<team.size {
                try workspace.expect(team.member((team.rank + step) % team.size))
            }
        }
    }
}
