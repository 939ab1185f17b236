// SPDX-License-Identifier: Apache-2.0
import MartletJSON

/// What is wrong with a job, and what is only strange.
package struct JobVerdict: Equatable, Sendable {
    package var errors: [String] = []
    package var warnings: [String] = []

    package init() {}

    package var isValid: Bool { errors.isEmpty }

    /// The errors as Nomad lists them; nil without any.
    package var errorText: String? { FaultList.text(errors) }

    /// The warnings as Nomad lists them; empty without any.
    package var warningText: String {
        guard !warnings.isEmpty else { return "" }
        return "\(warnings.count) warning(s):\n" + warnings.map { "\n* \($0)" }.joined()
    }

    /// A 400 with all errors; nil without any.
    package var refusal: APIError? {
        errorText.map { APIError(status: 400, message: $0) }
    }
}

enum FaultList {
    /// `2 errors occurred:` and the list; a list within a list is one of its elements.
    static func text(_ faults: [String]) -> String? {
        guard !faults.isEmpty else { return nil }
        let count = faults.count == 1 ? "1 error" : "\(faults.count) errors"
        return "\(count) occurred:\n" + faults.map { "\t* \($0)\n" }.joined() + "\n"
    }

    /// The list of an inner object as one fault of the outer one.
    static func nested(_ title: String, _ faults: [String]) -> [String] {
        text(faults).map { ["\(title) validation failed: \($0)"] } ?? []
    }

    /// Whether a name is there, short enough and printable.
    static func name(_ field: String, _ name: String) -> [String] {
        var faults: [String] = []
        if name.utf8.count > SchedulingBounds.nameBytesMax {
            faults.append("\(field) is longer than \(SchedulingBounds.nameBytesMax) bytes")
        }
        if name.utf8.contains(0) { faults.append("\(field) contains a null character") }
        return faults
    }

    static func text(_ field: String, _ text: String) -> [String] {
        guard text.utf8.count > SchedulingBounds.textBytesMax else { return [] }
        return ["\(field) is longer than \(SchedulingBounds.textBytesMax) bytes"]
    }

    /// Whether an amount is within what can be added up.
    static func amount(_ field: String, _ value: Int, min: Int = 0) -> [String] {
        if value < min { return ["minimum \(field) value is \(min); got \(value)"] }
        let most = SchedulingBounds.amountMax
        return value <= most ? [] : ["maximum \(field) value is \(most); got \(value)"]
    }

    /// Whether a span is neither negative nor so long that an instant overflows.
    static func span(_ field: String, _ span: GoDuration) -> [String] {
        if span < .zero { return ["\(field) must be a positive value"] }
        return span <= SchedulingBounds.durationMax
            ? [] : ["\(field) must not be longer than a hundred years"]
    }

    static func shown(_ text: String) -> String {
        goQuoted(String(text.unicodeScalars.prefix(64)))
    }
}
