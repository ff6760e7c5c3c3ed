internal import Model

/// Shows tokens as they come: the first unfinished request is streamed, later ones wait for their turn.
final class TokenPrinter {
    private struct Text {
        var prompt: String
        var promptIds: [Int]
        var ids: [Int] = []
        var stream: TextStream
        var text = ""
        var shown = 0
        var isDone = false
    }

    private let report: Report
    private var texts: [Text]
    private var current = 0
    private var hasBegun = false

    init(prompts: [String], ids: [[Int]], tokenizer: Tokenizer, report: Report) {
        self.report = report
        texts = zip(prompts, ids).map { Text(prompt: $0, promptIds: $1, stream: TextStream(tokenizer)) }
    }

    /// Tokens that came a second time and were not the same.
    private(set) var contradictions = 0

    /// Tokens seen.
    var tokenCount: Int { texts.reduce(0) { $0 + $1.ids.count } }

    /// Of all tokens, request by request: the same for every layout.
    var digest: ResultDigest {
        var digest = ResultDigest()
        for text in texts {
            digest.add(UInt64(text.ids.count))
            for id in text.ids { digest.add(UInt64(truncatingIfNeeded: id)) }
        }
        return digest
    }

    func take(_ event: TokenEvent) {
        guard texts.indices.contains(event.request) else { return }
        // Where dies were lost, tokens are chosen again that others had told of already: the same ones.
        guard event.index >= texts[event.request].ids.count else {
            if texts[event.request].ids[event.index] != event.token { contradictions += 1 }
            return
        }
        texts[event.request].ids.append(event.token)
        texts[event.request].text += texts[event.request].stream.append(event.token)
        if event.isLast {
            texts[event.request].text += texts[event.request].stream.finish()
            texts[event.request].isDone = true
        }
        show()
    }

    /// Shows what is left of texts that were cut off.
    func finish() {
        for index in texts.indices where !texts[index].isDone {
            texts[index].text += texts[index].stream.finish()
            texts[index].isDone = true
        }
        show()
    }

    private func show() {
        while current < texts.count {
            if report.json {
                guard texts[current].isDone else { return }
                let text = texts[current]
                report.line(
                    Row([
                        "prompt": .text(text.prompt), "promptIds": .integers(text.promptIds),
                        "ids": .integers(text.ids), "text": .text(text.text),
                    ]).json)
            } else {
                if !hasBegun {
                    report.text(texts[current].prompt)
                    hasBegun = true
                }
                let whole = Array(texts[current].text.utf8)
                report.text(String(decoding: whole[texts[current].shown...], as: UTF8.self))
                texts[current].shown = whole.count
                guard texts[current].isDone else { return }
                report.text("\n\n")
                hasBegun = false
            }
            current += 1
        }
    }
}
