// SPDX-License-Identifier: Apache-2.0

/// A block as ``HCLBody/blocks(_:labels:)`` finds it, however it was written.
package struct HCLBlock: Sendable {
    /// As many as were asked for.
    package let labels: [HCLLabel]
    package let body: HCLBody
    /// Where its key stands, or its label where one key holds several blocks.
    package let position: HCLPosition
}

extension HCLBody {
    /// The blocks of this key, in order, each with `count` labels. These say the same:
    ///
    ///     namespace "a" { … }   namespace "b" { … }
    ///     namespace { "a" { … }   b { … } }
    ///     "namespace": {"a": {…}, "b": {…}}
    ///     "namespace": [{"a": [{…}]}, {"b": {…}}]
    ///
    /// More labels than asked for are blocks inside, as in HCL 1; null is no block. Blocks with
    /// the same labels stay apart: what two of them mean, the caller knows.
    ///
    /// - Throws: where a value stands in the place of a block, or of a label.
    package func blocks(_ key: String, labels count: Int) throws(HCLError) -> [HCLBlock] {
        var found: [HCLBlock] = []
        for item in items where item.key == key {
            let search = BlockSearch(key: key, position: item.position, count: count)
            try search.collect(item.node, item.labels[...], [], into: &found)
        }
        return found
    }
}

private struct BlockSearch {
    let key: String
    let position: HCLPosition
    let count: Int

    /// Goes down one label at a time, and through lists of blocks; no list stands in a list.
    func collect(
        _ node: HCLNode, _ written: ArraySlice<HCLLabel>, _ labels: [HCLLabel],
        into found: inout [HCLBlock]
    ) throws(HCLError) {
        if labels.count < count, let label = written.first {
            return try collect(node, written.dropFirst(), labels + [label], into: &found)
        }
        switch node.value {
        case .null: return
        case .list(let nodes):
            for element in nodes {
                guard case .object(let body) = element.value else {
                    throw mismatch(element, labels)
                }
                try collect(body, written, labels, element, into: &found)
            }
        case .object(let body): try collect(body, written, labels, node, into: &found)
        case .bool, .number, .string: throw mismatch(node, labels)
        }
    }

    private func collect(
        _ body: HCLBody, _ written: ArraySlice<HCLLabel>, _ labels: [HCLLabel], _ node: HCLNode,
        into found: inout [HCLBlock]
    ) throws(HCLError) {
        guard labels.count < count else {
            found.append(
                HCLBlock(labels: labels, body: wrapped(body, written, node), position: position))
            return
        }
        for item in body.items {
            let label = HCLLabel(item.key, at: item.position)
            let search = BlockSearch(key: key, position: item.position, count: count)
            try search.collect(item.node, item.labels[...], labels + [label], into: &found)
        }
    }

    /// `a "b" "c" {…}` with one label is `a "b" { c {…} }`.
    private func wrapped(
        _ body: HCLBody, _ more: ArraySlice<HCLLabel>, _ node: HCLNode
    ) -> HCLBody {
        guard let inner = more.first else { return body }
        let item = HCLItem(
            key: inner.text, at: inner.position, labels: Array(more.dropFirst()),
            HCLNode(.object(body), at: node.position))
        return HCLBody([item])
    }

    private func mismatch(_ node: HCLNode, _ labels: [HCLLabel]) -> HCLError {
        let name = ([key] + labels.map(\.text)).map { hclQuoted($0) }.joined(separator: " ")
        let missing = count - labels.count
        let right =
            missing == 0
            ? "{ … }" : "\(missing) name\(missing == 1 ? "" : "s") in quotation marks and { … }"
        return HCLError(
            "\(name) must be a block, with \(right), not \(node.value.kind)", at: node.position)
    }
}
