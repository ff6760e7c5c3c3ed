public import Fabric
internal import Faults
internal import Histories
public import SharedMemory

// Going on without those that were lost, in the sense of User-Level Failure Mitigation: revoke, shrink, agree. The epoch is the cluster's, so it is
// the world that shrinks; other teams end with their epoch, and are split from the new world.

extension Team {
    /// Makes the team of all ranks that are left, in the epoch they agree on: a new world, with an endpoint of its own and an empty heap.
    ///
    /// Collective over the members of the world that live, once each has been thrown out of what it did by ``FabricError/isSurvivable``. On return
    /// all members of the new team are in the new epoch; the old endpoint, teams, allocations, workspaces and exchanges are over, and using them
    /// stops the process. Every notification of the new epoch carries its number, so no word of the old one is taken for one of it; a rank that could
    /// still store such words has either agreed to the new epoch or has ended, which its agent waits for before it publishes the epoch.
    ///
    /// Members that are lost meanwhile are not in the new team, whichever step they come to. If the epoch moves on after that, the new team's first
    /// wait says so, and is shrunk in turn.
    ///
    /// - Throws: `.timedOut` naming a member that lives and does not come; `.evicted`; `.membershipChanged` with scope `.cluster` where the run ends.
    /// - Complexity: two agreements; each member clears 2 KiB of its window.
    public func shrink(deadline: Deadline? = nil) throws(FabricError) -> Team {
        let old = endpoint
        old.pass(.shrinkEntry)
        // 1. All have left the old epoch: none is in an operation of it, or will begin one. Those that agree on something else are first told
        // that others shrink; they come then.
        while try settle(.max, .shrink, deadline).isMixed {}
        // 2. Each clears its own words of the old world. None of the new world's members uses them before all have done so.
        old.pass(.shrinkClear)
        clearWorld()
        // 3. All have. A rank that was lost meanwhile is not in the epoch that is decided now.
        let members = try settle(.max, .shrink, deadline).agreement.members
        old.pass(.shrinkBuild)
        let next = old.successor(epoch: members.epoch)
        next.history?.record(
            HistoryEntry(
                .membership, [.epoch: [Int(truncatingIfNeeded: members.epoch)], .members: members.present]))
        return Team.world(next, of: members.present)
    }

    /// Gives up the epoch, so that every member of the cluster leaves what it waits for, with `.revoked` and this rank's name; then all shrink.
    ///
    /// For a member that has found out by itself that an operation cannot be completed. Not collective; returns at once. The host's agent
    /// begins the new epoch, with the same members; a revocation of an epoch that is over has no effect.
    ///
    /// - Throws: `.unsupported` where no agent listens, as in tests without one.
    public func revoke() throws(FabricError) {
        guard let request = endpoint.requestRevocation else {
            throw FabricError(
                .unsupported, scope: .cluster, operation: .agree, rank: endpoint.rank, epoch: endpoint.epoch,
                context: "there is no agent to begin another epoch")
        }
        request(endpoint.epoch)
    }
}
