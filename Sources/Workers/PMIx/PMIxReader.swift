internal import CLinux

/// Reads what a server keeps about a job. The keys are the standard's, written out as its attributes are.
struct PMIxReader: Sendable {
    let library: PMIxLibrary
    let namespace: String

    /// The most ranks of a job; beyond this the server is mistaken.
    static let sizeLimit = 1 << 20

    /// Everything that concerns the job and this rank, out of what the server sent when the task joined.
    func facts(rank: Int) -> Result<PMIxFacts, PMIxError> {
        let everyone = softpod_pmix_everyone
        guard let size = number("pmix.job.size", rank: everyone), (1...Self.sizeLimit).contains(size) else {
            return .failure(PMIxError(.wrong, "the server does not tell the job's size (PMIX_JOB_SIZE)"))
        }
        let own = UInt32(clamping: rank)
        var facts = PMIxFacts(namespace: namespace, rank: rank, size: size)
        facts.localRank = number("pmix.lrank", rank: own)
        facts.localSize = number("pmix.local.size", rank: everyone)
        facts.nodeID = number("pmix.nodeid", rank: own)
        facts.nodeCount = number("pmix.num.nodes", rank: everyone)
        if let list = text("pmix.lpeers", rank: everyone) {
            guard let peers = PMIxFacts.ranks(list) else {
                return .failure(PMIxError(.wrong, "the server's list of local peers is \"\(list.prefix(80))\""))
            }
            facts.localPeers = peers
        }
        // Ranks that are all here need no question about each.
        if facts.localPeers?.count != size { facts.nodeOfRank = nodeOfRank(size: size) }
        return .success(facts)
    }

    /// The node of every rank, by its number or else by its name (Slurm tells numbers of its own node's ranks only); nil if neither is
    /// told for all.
    private func nodeOfRank(size: Int) -> [Int]? {
        let ranks = (0..<size).map { UInt32($0) }
        if let numbers = all(ranks, { number("pmix.nodeid", rank: $0) }) { return numbers }
        guard let names = all(ranks, { text("pmix.hname", rank: $0) }) else { return nil }
        var numbers: [String: Int] = [:]
        return names.map { name in
            let number = numbers[name] ?? numbers.count
            numbers[name] = number
            return number
        }
    }

    /// What is told of each rank; nil as soon as it is not told of one.
    private func all<Value>(_ ranks: [UInt32], _ ask: (UInt32) -> Value?) -> [Value]? {
        var values: [Value] = []
        for rank in ranks {
            guard let value = ask(rank) else { return nil }
            values.append(value)
        }
        return values
    }

    /// A number the server sent when the task joined; nil if it did not.
    private func number(_ key: String, rank: UInt32) -> Int? {
        var found: UInt64 = 0
        let status = unsafe get(key, rank: rank, isLocal: true, seconds: 0) { value in
            unsafe softpod_pmix_number(value, &found) == 1
        }
        return status == softpod_pmix_success ? Int(exactly: found) : nil
    }

    private func text(_ key: String, rank: UInt32) -> String? {
        var found: [UInt8]?
        let status = unsafe get(key, rank: rank, isLocal: true, seconds: 0) { value in
            found = unsafe Self.bytes(value, limit: 8 << 20)
            return found != nil
        }
        return status == softpod_pmix_success ? found.map { String(decoding: $0, as: UTF8.self) } : nil
    }

    /// The bytes under a rank's key; nil if there are none.
    func bytes(_ key: String, rank: UInt32, seconds: Int32) -> Result<[UInt8]?, PMIxError> {
        var found: [UInt8]?
        let status = unsafe get(key, rank: rank, isLocal: false, seconds: seconds) { value in
            found = unsafe Self.bytes(value, limit: PMIxClient.valueLimit)
            return found != nil
        }
        switch status {
        case softpod_pmix_success: return .success(found)
        case softpod_pmix_not_found: return .success(nil)
        case softpod_pmix_timeout: return .failure(PMIxError(.deadline, "\(key) of rank \(rank) did not come in time"))
        case Self.strange:
            return .failure(
                PMIxError(.wrong, "\(key) of rank \(rank) is not a value of at most \(PMIxClient.valueLimit) bytes"))
        default: return .failure(PMIxError(.refused, "\(key) of rank \(rank): \(library.words(status))"))
        }
    }

    /// A status the library does not have: the value is of a type or length that is not read.
    private static let strange = Int32.min

    private func get(
        _ key: String, rank: UInt32, isLocal: Bool, seconds: Int32,
        _ read: (UnsafePointer<softpod_pmix_value>) -> Bool
    ) -> Int32 {
        var value: UnsafeMutablePointer<softpod_pmix_value>?
        let status = unsafe softpod_pmix_get(
            library.calls, namespace, rank, key, isLocal ? 1 : 0, seconds, &value)
        guard status == softpod_pmix_success else { return status }
        guard let value = unsafe value else { return softpod_pmix_not_found }
        defer { unsafe softpod_pmix_free(value) }
        return unsafe read(value) ? status : Self.strange
    }

    private static func bytes(_ value: UnsafePointer<softpod_pmix_value>, limit: Int) -> [UInt8]? {
        var count = 0
        guard let start = unsafe softpod_pmix_bytes(value, &count), count <= limit else { return nil }
        return unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: count))
    }
}
