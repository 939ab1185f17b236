// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

/// What differs between two versions of a job, as `job plan` shows it.
package struct JobDiff: Equatable, Sendable {
    package enum Kind: String, Equatable, Sendable {
        case none = "None"
        case added = "Added"
        case deleted = "Deleted"
        case edited = "Edited"
    }

    package struct Field: Equatable, Sendable {
        package var kind: Kind
        package var name: String
        package var old: String
        package var new: String
        /// What follows of it, such as `forces create`.
        package var annotations: [String] = []
    }

    package struct Object: Equatable, Sendable {
        package var kind: Kind
        package var name: String
        package var fields: [Field]
        package var objects: [Object]
    }

    package struct TaskDiff: Equatable, Sendable {
        package var kind: Kind
        package var name: String
        package var fields: [Field]
        package var objects: [Object]
        package var annotations: [String] = []
    }

    package struct Group: Equatable, Sendable {
        package var kind: Kind
        package var name: String
        package var fields: [Field]
        package var objects: [Object]
        package var tasks: [TaskDiff]
        /// What a plan does to it, in numbers.
        package var updates = SortedMap<Int>()
    }

    package var kind: Kind
    package var id: String
    package var fields: [Field]
    package var objects: [Object]
    package var groups: [Group]
}

extension JobDiff.Field: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Annotations", orNull: annotations)
        writer.member("Name", name)
        writer.member("New", new)
        writer.member("Old", old)
        writer.member("Type", kind.rawValue)
        writer.endObject()
    }
}

extension JobDiff.Object: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Fields", orNull: fields)
        writer.member("Name", name)
        writer.member("Objects", orNull: objects)
        writer.member("Type", kind.rawValue)
        writer.endObject()
    }
}

extension JobDiff.TaskDiff: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Annotations", orNull: annotations)
        writer.member("Fields", orNull: fields)
        writer.member("Name", name)
        writer.member("Objects", orNull: objects)
        writer.member("Type", kind.rawValue)
        writer.endObject()
    }
}

extension JobDiff.Group: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Fields", orNull: fields)
        writer.member("Name", name)
        writer.member("Objects", orNull: objects)
        writer.member("Tasks", orNull: tasks)
        writer.member("Type", kind.rawValue)
        writer.member("Updates", orNull: updates)
        writer.endObject()
    }
}

extension JobDiff: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Fields", orNull: fields)
        writer.member("ID", id)
        writer.member("Objects", orNull: objects)
        writer.member("TaskGroups", orNull: groups)
        writer.member("Type", kind.rawValue)
        writer.endObject()
    }
}
