#if SOFTPOD_MUTANTS
    internal import Glibc

    /// Every mutant there is. Behind each stands a filter of the tests that must catch it: `scripts/mutants` reads this list.
    public enum Mutant: String, CaseIterable, Sendable {
        // Notifications.
        case epochMatch  // NotificationTests
        case sequenceSeal  // NotificationTests
        case countSeal  // ExchangeFaultTests
        // The way to a window.
        case wakeUp  // SimulationTests/random
        case peerWindow  // TransportConformanceTests/put
        // Teams.
        case crowdWakeUp  // SimulationTests/random
        case boardParity  // SimulationTests/random
        case flagParity  // SimulationTests/random
        case memberToRank  // TeamTests
        case arrivalCheck  // CorruptWordTests
        case lastArrival  // SimulationTests/random
        case boardCheck  // CorruptWordTests
        case flagCheck  // CorruptWordTests
        case leaverCount  // TeamTests
        case layoutComparison  // ExchangeFaultTests/differentLayouts
        case splitComparison  // TeamTests
        // Segments and waits.
        case epochWatch  // WaitTests
        case layoutDigest  // SegmentTests
        case firstVerdict  // SegmentTests
        // Links.
        case linkChecksum  // LinkMessageTests
        case linkDigest  // LinkMessageTests
        case linkDuplicates  // LinkMessageTests
        case linkOrder  // LinkMessageTests
        case recordBounds  // LinkMessageTests
        case retransmission  // LinkFaultTests
        // Channels.
        case slotRelease  // ChannelTests
        case descriptorSequence  // ChannelTests|ChannelLossTests
        // Experts.
        case callParity  // SimulationTests/random
        case senderCheck  // ExchangeFaultTests/corrupt
        case tokenCheck  // ExchangeFaultTests/corrupt
        case tokenOrder  // ExchangeFaultTests/corrupt
        case stampCheck  // ExchangeFaultTests/corrupt
        case arrivedTwice  // ExchangeFaultTests/corrupt
        case stagingReuse  // SimulationTests/random
        case earlyFlag  // SimulationTests/random
        case droppedRow  // ExchangeTests
        case staleHandle  // ExchangeFaultTests
        case weightCheck  // ExchangeFaultTests
        case refusal  // ExchangeFaultTests
        case expertTwice  // ExchangeFaultTests
        case tieOrder  // GateTests
        // Numbers.
        case wireScale  // QuantisedRowsTests
        case productScale  // ExpertBankTests
        case rounding  // BFloat16Tests
        // Collectives.
        case foldOrder  // CollectiveConformanceTests/types
        case callMark  // CollectiveFailureTests|ComparisonTests
        case lengthComparison  // CollectiveFailureTests|ComparisonTests
        case closingWait  // SimulationTests/random
        case lentStaging  // SimulationTests/random
        // Attention.
        case rescale  // AttentionTests
        case pageTable  // PagedLatentCacheTests
        // The checker, and the keys that are let in.
        case checkedTwice  // HistoryCheckerTests
        case keyList  // GatekeeperTests
        case protocolVersion  // HostMessageTests

        /// The name of the one that this process runs as; nil for none. A name that is none ends the process.
        static let current: String? = {
            guard let text = unsafe getenv("SOFTPOD_MUTANT") else { return nil }
            let name = unsafe String(cString: text)
            precondition(Mutant(rawValue: name) != nil, "SOFTPOD_MUTANT names no mutant: \(name)")
            return name
        }()
    }
#endif
