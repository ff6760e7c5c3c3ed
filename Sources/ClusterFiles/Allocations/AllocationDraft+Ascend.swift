extension AllocationDraft {
    /// Where the coordinator of an Ascend launch listens, unless `SHMEM_UID_SESSION_ID` or `SOFTPOD_RENDEZVOUS` says another place.
    static let ascendPort = 27_384

    /// A rank of a rank table: the table says which ranks are on which server, so that servers are the nodes.
    mutating func takeAscend(
        _ variables: Variables, _ launch: LaunchEnvironment, _ table: RankTable?
    ) throws(EnvironmentError) {
        guard let table else { throw .wrong("the rank table of RANK_TABLE_FILE has not been read") }
        let size = table.rankCount
        guard launch.rank < size else {
            throw .wrong("RANK_ID is \(launch.rank), the rank table ends at \(size - 1)")
        }
        if let told = launch.size, told != size {
            throw .wrong("RANK_SIZE is \(told), the rank table has \(size) ranks")
        }
        let servers = table.servers.map { ($0, $0.devices.map(\.rank).sorted()) }
            .sorted { ($0.1.first ?? 0) < ($1.1.first ?? 0) }
        guard let index = servers.firstIndex(where: { $0.1.contains(launch.rank) }),
            let device = servers[index].0.devices.first(where: { $0.rank == launch.rank })
        else { throw .wrong("RANK_ID \(launch.rank) is not in the rank table") }
        if let told = launch.deviceID, told != device.deviceID {
            throw .wrong("DEVICE_ID is \(told), the rank table has device \(device.deviceID) for rank \(launch.rank)")
        }
        taskCount = size
        let tasks = servers[index].1
        (tasksOfNode, localTask, localTaskCount) = (tasks, tasks.firstIndex(of: launch.rank), tasks.count)
        (nodeIndex, nodeCount, taskCounts) = (index, servers.count, servers.map(\.1.count))
        if let place = launch.rendezvous {
            rendezvous = .known(host: place.host, port: place.port)
        } else if let host = Self.address(servers[0].0) {
            rendezvous = .known(host: host, port: Self.ascendPort)
        } else {
            rendezvous = .none(
                reason: "the server of rank 0, \"\(servers[0].0.id)\", has no host_ip, and its id is no address; set "
                    + "SOFTPOD_RENDEZVOUS=host:port")
        }
    }

    private static func address(_ server: RankTable.Server) -> String? {
        server.hostIP ?? (NetworkAddress.isIPv4(server.id) ? server.id : nil)
    }
}
