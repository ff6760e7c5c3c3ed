import Fabric

extension ChannelPlan {
    /// One of the four words of a half, for those who check the layout.
    struct Word: Sendable, Equatable {
        /// Its name.
        var name: String
        /// Its bytes in the window.
        var range: Range<Int>
        /// In whose window it is used.
        var isAtConsumer: Bool
        /// Who looks at it again and again.
        var isPolledByConsumer: Bool
    }

    /// Where the words lie for a channel in this region.
    func words(in region: Region) -> [Word] {
        let start = base(region)
        func word(_ name: String, _ offset: Int, atConsumer: Bool, polledByConsumer: Bool) -> Word {
            Word(
                name: name, range: start + offset..<start + offset + 8, isAtConsumer: atConsumer,
                isPolledByConsumer: polledByConsumer)
        }
        return [
            word("tail", Self.tailOffset, atConsumer: true, polledByConsumer: true),
            word("announced", Self.announcedOffset, atConsumer: true, polledByConsumer: true),
            word("ready", Self.readyOffset, atConsumer: false, polledByConsumer: true),
            word("released", Self.releasedOffset, atConsumer: false, polledByConsumer: false),
        ]
    }
}
