// SPDX-License-Identifier: Apache-2.0

/// A JSON value that is kept as it is, and only compared: what a driver makes of its configuration is
/// the driver's affair.
///
/// - Invariant: `text` is one valid document without blanks, its members in the order of their names;
///   equal values have equal texts.
package struct JSONText: Hashable, Sendable {
    package let text: String

    /// - Precondition: what the invariant says. Bytes of other origin go through the readers.
    init(canonical text: String) { self.text = text }
}
