internal import SharedMemory

// The three ways in which a team synchronises. See Team.sync for when each is used.

extension Team {
    /// A meeting at which nothing is said: the last arriver ends it.
    func syncByMeeting(_ deadline: Deadline?, _ operation: FabricOperation) throws(FabricError) {
        if try arrive() { return try close() }
        try awaitEnd(deadline, operation)
    }

    /// Arrivals counted on each host, the hosts' at the leader, and a signal to each member by the last: for windows behind a network, of
    /// which one atomic a host is asked.
    func syncBySignals(_ deadline: Deadline?, _ operation: FabricOperation) throws(FabricError) {
        generation &+= 1
        endpoint.word(at: offset(WindowLayout.arrivedOffset)).storeReleasing(generation)
        // Both sequentially consistent: each acquires what earlier arrivers released, and releases that and ours to the last.
        let here = try endpoint.fetchAdd(1, at: self[nearMembers.first], offset(WindowLayout.groupOffset)) &+ 1
        var isLast = try isLast(here, of: nearMembers.count, in: self[nearMembers.first])
        if isLast {
            let count = UInt64(nearMembers.count)
            let arrivals = try endpoint.fetchAdd(count, at: start, offset(WindowLayout.arrivalsOffset)) &+ count
            isLast = try self.isLast(arrivals, of: size, in: start)
        }
        let release = offset(WindowLayout.releaseOffset)
        if isLast {
            for step in 1..<size { try endpoint.notify(generation, at: self[(rank + step) % size], release) }
            return
        }
        endpoint.word(at: offset(WindowLayout.waitsOffset)).storeReleasing(generation)
        let reading: Notification.Reading
        do {
            reading = try endpoint.awaitNotification(
                generation, at: release, from: nil, deadline: deadline, operation: operation)
        } catch {
            guard error.code == .timedOut else { throw error }
            let missing = notArrived()
            // If all have arrived, the last has not told of it.
            throw blame(error, missing.isEmpty ? notWaiting() : missing)
        }
        // The next is signalled only after this member has arrived there.
        guard reading == .reached(generation) else {
            let found = endpoint.word(at: release).loadRelaxed()
            throw corrupt(operation, in: endpoint.rank, "word of releases", found)
        }
    }

    /// Members that have not begun this member's current meeting.
    func notArrived() -> [Int] {
        (0..<size).filter { index in
            let arrived = try? endpoint.fetch(at: self[index], offset(WindowLayout.arrivedOffset))  // it is suspect
            return arrived.map { $0 < generation } ?? true
        }
    }

    /// Other members that do not say that they wait for the end of this member's current meeting: if all have arrived, the last to do so.
    func notWaiting() -> [Int] {
        (0..<size).filter { index in
            guard index != rank else { return false }
            let waits = try? endpoint.fetch(at: self[index], offset(WindowLayout.waitsOffset))  // none: not waiting
            return waits.map { $0 < generation } ?? true
        }
    }

    /// Puts the members that are missing into a time-out error.
    func blame(_ error: FabricError, _ missing: [Int]) -> FabricError {
        var error = error
        error.peers = missing.map { self[$0] }
        return error
    }

    /// Clears what this die's window holds of a world whose epoch is over, before the next one uses it: its slot, and the board if it led.
    ///
    /// To be called when no member of the next epoch does anything in the old one any more.
    package func clearWorld() {
        precondition(slot == 0, "the team of all ranks")
        Team.clear(slot: 0, on: endpoint)
        if rank == 0 { clear(board: board, size: size) }
    }

    /// Clears this die's words of a slot before a new team uses it.
    static func clear(slot: Int, on endpoint: Endpoint) {
        for word in Swift.stride(from: 0, to: WindowLayout.teamSlotByteCount, by: 8) {
            endpoint.word(at: WindowLayout.slot(slot) + word).storeReleasing(0)
        }
    }
}
