internal import Fabric
internal import NodeRuntime
internal import SharedMemory

// A coordinator whose agents are played by the caller, so that what anybody may say to it can be tried without a process. Make it of a roster
// that starts no agents.

extension Coordinator {
    /// What a message of somebody who does not belong here must never change.
    package struct Standing: Equatable {
        /// Gathering, making, linking, running or ending.
        package var phase: String
        /// Slots of agents, and the routes of those who have introduced themselves.
        package var routes: [[UInt8]?]
        /// Whether there can be no further run.
        package var isBroken: Bool
        /// What ended the run.
        package var failure: HostFailure?
        /// Results by rank.
        package var results: [[UInt8]?]
        /// Agents that are done with the run.
        package var doneCount: Int
    }

    /// The number of the run under way.
    package var runNumber: UInt32 { run }

    /// How the run stands.
    package var standing: Standing {
        Standing(
            phase: "\(phase)", routes: agents.map(\.route), isBroken: broken != nil, failure: failure, results: results,
            doneCount: agents.count { $0.part.isDone })
    }

    /// What agents prove by that they were invited, and where they come.
    package var welcome: (token: [UInt8], address: String) { (token, address) }

    /// Begins a run as if none had been before: nobody has introduced himself.
    package func rehearse(
        _ configuration: ClusterConfiguration, onEvent: @escaping (ClusterEvent) -> Void = { _ in }
    ) throws {
        (agents, broken, strangerCount) = ([], nil, 0)
        try startAgents()
        begin(configuration, onEvent)
    }

    /// Takes a message as if the socket had brought it, and goes to the next phase if it is time.
    package func hear(_ message: [UInt8], from route: [UInt8]) throws {
        take([route, message])
        try advance()
    }

    /// Ranks of each host, once there is a plan.
    package var ranksOfHosts: [Range<Int>]? { plan?.hosts.map(\.ranks) }
}
