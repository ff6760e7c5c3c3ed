/// Ascend's rank table: which device of which server is which rank.
///
/// One value for the three versions of the file; a version holds only what it can say, and ``convert(to:)`` names what it had to
/// leave out. A device is a die is a rank. Source: HCCL's documentation of the rank table, versions 1.0 (servers), 1.2
/// (A3 SuperPoDs) and 2.0 (network layers and planes).
public struct RankTable: Sendable, Equatable {
    /// The file's template version.
    public enum Version: String, Sendable, CaseIterable {
        /// Servers and devices.
        case servers = "1.0"
        /// Servers and devices in SuperPoDs.
        case superPods = "1.2"
        /// Ranks with network layers and planes.
        case layers = "2.0"
    }

    /// A server and its devices, in rank order.
    public struct Server: Sendable, Equatable {
        /// Unique, 1 to 64 characters; in version 2.0 the instance of network layer 0, up to 1024.
        public var id: String
        /// The host's IPv4 address.
        public var hostIP: String?
        /// The container's address, in tables that an operator of Kubernetes wrote.
        public var containerIP: String?
        /// The product's name.
        public var hardwareType: String?
        /// Its devices.
        public var devices: [Device]

        /// Takes the fields as they are.
        public init(id: String, hostIP: String? = nil, devices: [Device]) {
            self.id = id
            self.hostIP = hostIP
            self.devices = devices
        }
    }

    /// A device: one die.
    public struct Device: Sendable, Equatable {
        /// Its rank, from 0, in the whole table.
        public var rank: Int
        /// Its number on the server.
        public var deviceID: Int
        /// Version 2.0: its place in the server's topology file; otherwise the device's number.
        public var localID: Int
        /// Address of its network port.
        public var ip: String?
        /// Port it listens on.
        public var port: Int?
        /// Version 1.2: its number in the SuperPoD.
        public var superDeviceID: Int?
        /// Address of the other die of its NPU, to be borrowed once when its own port fails.
        public var backupIP: String?
        /// Port at the borrowed address.
        public var backupPort: Int?
        /// Port at the host's address.
        public var hostPort: Int?
        /// Version 2.0: the network layers, from 0 up.
        public var layers: [Layer] = []

        /// Takes the fields as they are.
        public init(rank: Int, deviceID: Int, ip: String? = nil, superDeviceID: Int? = nil, layers: [Layer] = []) {
            self.rank = rank
            self.deviceID = deviceID
            localID = deviceID
            self.ip = ip
            self.superDeviceID = superDeviceID
            self.layers = layers
        }
    }

    /// A network layer of a rank, version 2.0.
    public struct Layer: Sendable, Equatable {
        /// How its network is described.
        public enum Kind: String, Sendable, CaseIterable {
            /// By a topology file.
            case topologyFile = "TOPO_FILE_DESC"
            /// Each reaches all others.
            case clos = "CLOS"
        }

        /// The layer, 0 to 7.
        public var number: Int
        /// The network at this layer that the rank is in.
        public var instance: String
        /// How its network is described.
        public var kind: Kind
        /// Reserved by the format.
        public var attribute: String
        /// The rank's addresses there.
        public var addresses: [Address]

        /// Takes the fields as they are.
        public init(number: Int, instance: String, kind: Kind, attribute: String = "", addresses: [Address]) {
            self.number = number
            self.instance = instance
            self.kind = kind
            self.attribute = attribute
            self.addresses = addresses
        }
    }

    /// An address of a rank at a layer, version 2.0.
    public struct Address: Sendable, Equatable {
        /// What kind of address.
        public enum Kind: String, Sendable, CaseIterable {
            /// A Unified Bus entity: 32 hexadecimal digits.
            case eid = "EID"
            /// IPv4.
            case ipv4 = "IPV4"
            /// IPv6.
            case ipv6 = "IPV6"
        }

        /// What kind of address.
        public var kind: Kind
        /// The address.
        public var text: String
        /// Ports bound to it, `die/port`.
        public var ports: [String]
        /// The network plane; nil for the default.
        public var plane: String?

        /// Takes the fields as they are.
        public init(kind: Kind, text: String, ports: [String], plane: String? = nil) {
            self.kind = kind
            self.text = text
            self.ports = ports
            self.plane = plane
        }
    }

    /// A SuperPoD, version 1.2.
    public struct SuperPod: Sendable, Equatable {
        /// Unique; a user may split one machine by giving ids of their own.
        public var id: String
        /// Its servers, by their ids.
        public var serverIDs: [String]

        /// Takes the fields as they are.
        public init(id: String, serverIDs: [String]) {
            self.id = id
            self.serverIDs = serverIDs
        }
    }

    /// The file's version.
    public var version: Version
    /// The servers, in rank order.
    public var servers: [Server]
    /// Version 1.2: the SuperPoDs; empty means plain servers.
    public var superPods: [SuperPod]

    /// Takes the fields as they are; ``check()`` says whether they hold together.
    public init(version: Version, servers: [Server], superPods: [SuperPod] = []) {
        self.version = version
        self.servers = servers
        self.superPods = superPods
    }

    /// Ranks, that is devices, that is dies.
    public var rankCount: Int { servers.map(\.devices.count).reduce(0, +) }
    /// NPUs with at least one device in the table (an A3's NPU has two dies).
    public var npuCount: Int { servers.map { Set($0.devices.map { $0.deviceID / 2 }).count }.reduce(0, +) }
}

/// A rule that a rank table breaks.
public struct RankTableError: Error, CustomStringConvertible, Sendable, Equatable {
    /// The part it is about, in the words of the file, such as `server_list[1].device[3].rank_id`.
    public var place: String
    /// What is wrong, with the numbers.
    public var rule: String

    /// `place: rule`.
    public var description: String { "\(place): \(rule)" }

    init(_ place: String, _ rule: String) {
        self.place = place
        self.rule = Printable.line(rule)
    }
}
