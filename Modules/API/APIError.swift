// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

/// A refusal as the HTTP client sees it: a status and a line of plain text.
package struct APIError: Error, Equatable, Sendable {
    package var status: Int
    package var message: String

    package init(status: Int, message: String) {
        self.status = status
        self.message = message
    }
}

/// What a body holds, as the messages about bodies that are wrong name it.
package enum ConfigurationKind: String, Sendable {
    case autopilot = "autopilot config"
    case scheduler = "scheduler config"
    case token = "ACL token"
    case policy = "ACL policy"
    case role = "ACL role"
    case bootstrap = "ACL bootstrap"
    case job
    case node
    case nodePool = "node pool"
    case allocations
    case evaluation
    case deployment
    case search

    /// A 400 that tells what is wrong with the body, in Nomad's form.
    package func malformed(_ why: String) -> APIError {
        APIError(status: 400, message: "Error parsing \(rawValue): \(why)")
    }

    /// Of a configuration's body, some thirty times what all its fields take: the largest body that
    /// a request may have would be read, and quoted in the refusal, for a tenth of a second in which
    /// the loop does nothing else.
    package static let bodyLimits = JSONLimits(
        depthMax: 16, bytesMax: 64 << 10, valuesMax: 4096)

    /// Reads a body to its tree.
    ///
    /// - Throws: 400 for a body that is empty or not one JSON document within `limits`.
    package func parse(
        body: [UInt8], limits: JSONLimits = ConfigurationKind.bodyLimits
    ) throws(APIError) -> JSONNode {
        guard !body.isEmpty else { throw malformed("Request body is empty") }
        do throws(JSONError) {
            return try JSONReader.parse(body, limits: limits)
        } catch {
            throw malformed(error.description)
        }
    }
}

/// Reads the value of `?cas=`: decimal digits only, below 2^64.
///
/// - Throws: 400 with the text that Go's `strconv.ParseUint` gives for the same fault.
package func parseIndex(_ text: String) throws(APIError) -> UInt64 {
    func refusal(_ why: String) -> APIError {
        APIError(
            status: 400,
            message: "Error parsing cas value: strconv.ParseUint: parsing \(goQuoted(text)): \(why)"
        )
    }
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    guard !text.isEmpty, text.utf8.allSatisfy(digits.contains) else {
        throw refusal("invalid syntax")
    }
    guard let index = UInt64(text) else { throw refusal("value out of range") }
    return index
}
