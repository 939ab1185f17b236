// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

/// A named part of the nodes, and how work is placed there. Jobs name the pool that they want, nodes the
/// one that they are in.
package struct NodePool: Equatable, Sendable {
    package static let nameBytesMax = 128
    package static let descriptionBytesMax = 256

    /// As ``isName(_:)`` says.
    package let name: String
    package var description: String
    package var meta: StringMap
    /// nil where the cluster's rules hold.
    package var scheduling: Scheduling?
    /// Log index of the write that made it; given by the log.
    package var createIndex: UInt64 = 0
    /// Log index of the last write to it; given by the log.
    package var modifyIndex: UInt64 = 0

    package init(
        name: String, description: String = "", meta: StringMap = [:],
        scheduling: Scheduling? = nil
    ) {
        self.name = name
        self.description = description
        self.meta = meta
        self.scheduling = scheduling
    }

    /// What is placed by other rules than the cluster's. A field that is nil is the cluster's.
    package struct Scheduling: Equatable, Sendable {
        package var algorithm: SchedulerAlgorithm?
        package var oversubscribesMemory: Bool?

        package init(
            algorithm: SchedulerAlgorithm? = nil, oversubscribesMemory: Bool? = nil
        ) {
            self.algorithm = algorithm
            self.oversubscribesMemory = oversubscribesMemory
        }

        package var isEmpty: Bool { algorithm == nil && oversubscribesMemory == nil }
    }

    /// Whether it has, or may have had, rules of its own.
    package var isChanged: Bool { scheduling != nil || modifyIndex != createIndex }

    /// 1 to 128 letters, digits, hyphens and underscores of ASCII.
    package static func isName(_ text: String) -> Bool {
        (1...nameBytesMax).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                $0.isLetterOrDigit || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
            }
    }

    // MARK: Built in

    /// Those that are there without anybody's doing, in the order of their names.
    package static let builtIn: [NodePool] = [
        builtIn(Job.nodePoolAll, "Node pool with all nodes in the cluster."),
        builtIn(Job.nodePoolDefault, "Default node pool."),
    ]

    private static func builtIn(_ name: String, _ description: String) -> NodePool {
        var pool = NodePool(name: name, description: description)
        (pool.createIndex, pool.modifyIndex) = (1, 1)
        return pool
    }

    package static func builtIn(named name: String) -> NodePool? {
        builtIn.first { $0.name == name }
    }

    /// Whether it may take the place of what is there: of what is built in, only how work is placed in
    /// `default` is anybody's to say.
    package var isAllowed: Bool {
        guard let known = Self.builtIn(named: name) else { return true }
        return name == Job.nodePoolDefault && description == known.description
            && meta == known.meta
    }
}

extension SchedulerConfiguration {
    /// By the rules of the pool where it has some.
    package func overridden(by rules: NodePool.Scheduling?) -> SchedulerConfiguration {
        guard let rules else { return self }
        var configuration = self
        configuration.schedulerAlgorithm = rules.algorithm ?? schedulerAlgorithm
        configuration.memoryOversubscriptionEnabled =
            rules.oversubscribesMemory ?? memoryOversubscriptionEnabled
        return configuration
    }
}

// MARK: - JSON

extension NodePool: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("CreateIndex", createIndex)
        writer.member("Description", description)
        writer.member("Meta", orNull: meta)
        writer.member("ModifyIndex", modifyIndex)
        writer.member("Name", name)
        writer.member("SchedulerConfiguration", orNull: scheduling)
        writer.endObject()
    }
}

extension NodePool.Scheduling: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("MemoryOversubscriptionEnabled", orNull: oversubscribesMemory)
        writer.member("SchedulerAlgorithm", algorithm?.rawValue ?? "")
        writer.endObject()
    }
}

extension NodePool {
    /// Reads the body that makes or changes a pool. Its indexes are ignored: the log gives them.
    ///
    /// - Parameter named: what the path names, if it does; the body may leave the name out then.
    /// - Throws: 400 that names the field.
    package static func parse(
        body: [UInt8], named path: String? = nil,
        limits: JSONLimits = ConfigurationKind.bodyLimits
    ) throws(APIError) -> NodePool {
        let kind = ConfigurationKind.nodePool
        let fields = try BodyFields(try kind.parse(body: body, limits: limits), of: kind)
        let given = try fields.string("Name", default: "")
        let name = given.isEmpty ? path ?? "" : given
        guard isName(name) else {
            throw APIError(
                status: 400,
                message: "invalid name \(BodyFields.shown(name)), must be 1 to \(nameBytesMax) "
                    + "letters, digits, hyphens and underscores")
        }
        guard path == nil || path == name else {
            throw APIError(
                status: 400, message: "Node pool name does not match request path")
        }
        let description = try fields.string("Description", default: "")
        guard description.utf8.count <= descriptionBytesMax else {
            throw fields.refusal(
                "Description", "is longer than \(descriptionBytesMax) bytes")
        }
        return NodePool(
            name: name, description: description, meta: try fields.stringMap("Meta"),
            scheduling: try scheduling(fields))
    }

    private static func scheduling(_ fields: BodyFields) throws(APIError) -> Scheduling? {
        guard let given = try fields.optionalObject("SchedulerConfiguration") else { return nil }
        var scheduling = Scheduling()
        let name = try given.string("SchedulerAlgorithm", default: "")
        scheduling.algorithm = SchedulerAlgorithm(rawValue: name)
        guard name.isEmpty || scheduling.algorithm != nil else {
            throw given.refusal(
                "SchedulerAlgorithm", "\(BodyFields.shown(name)) is neither binpack nor spread")
        }
        scheduling.oversubscribesMemory = try given.optionalBool(
            "MemoryOversubscriptionEnabled")
        return scheduling.isEmpty ? nil : scheduling
    }
}
