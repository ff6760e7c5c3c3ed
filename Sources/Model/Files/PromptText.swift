internal import StrictJSON

/// The prompts of a file, one JSON string a line.
public enum PromptText {
    /// Reads the text of such a file; empty lines are passed over.
    ///
    /// - Throws: ``ModelFileError`` with the first line that is not one JSON string, or if there is none.
    public static func parse(_ text: [UInt8], file: String) throws(ModelFileError) -> [String] {
        var prompts: [String] = []
        for (index, line) in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            if line.allSatisfy({ [9, 13, 32].contains($0) }) { continue }
            guard case .string(let prompt)? = try? JSONParser.parse(Array(line)) else {  // Said in our words.
                throw ModelFileError(file: "\(file):\(index + 1)", rule: "each line must be one JSON string")
            }
            prompts.append(prompt)
        }
        guard !prompts.isEmpty else { throw ModelFileError(file: file, rule: "holds no prompt") }
        return prompts
    }
}
