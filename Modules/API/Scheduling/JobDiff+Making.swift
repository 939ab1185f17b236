// SPDX-License-Identifier: Apache-2.0

extension JobDiff {
    /// What `new` asks for otherwise than `old`; nil for neither being there, or there any more.
    ///
    /// - Parameter updates: what a plan does to each group, to be told beside its cause.
    package static func between(
        _ old: Job?, _ new: Job?, updates: SortedMap<DesiredUpdates> = [:]
    ) -> JobDiff {
        let (before, after) = (old?.diffTree ?? .none, new?.diffTree ?? .none)
        var diff = JobDiff(
            kind: .none, id: new?.id ?? old?.id ?? "",
            fields: DiffTree.fields(before, after, showsEqual: false),
            objects: DiffTree.objects(before, after),
            groups: groups(old?.groups ?? [], new?.groups ?? []))
        diff.kind = kind(
            old == nil, new == nil,
            isEdited: !diff.fields.isEmpty || !diff.objects.isEmpty
                || diff.groups.contains { $0.kind != .none })
        for place in diff.groups.indices {
            diff.groups[place].annotate(updates[diff.groups[place].name])
        }
        return diff
    }

    private static func kind(_ isNew: Bool, _ isGone: Bool, isEdited: Bool) -> Kind {
        switch (isNew, isGone) {
        case (true, true): .none
        case (true, false): .added
        case (false, true): .deleted
        case (false, false): isEdited ? .edited : .none
        }
    }

    /// In the order of their names.
    private static func groups(_ old: [TaskGroup], _ new: [TaskGroup]) -> [Group] {
        let before = SortedMap(old.map { ($0.name, $0) })
        let after = SortedMap(new.map { ($0.name, $0) })
        return names(before, after).map { group($0, before[$0], after[$0]) }
    }

    private static func names<Value>(
        _ old: SortedMap<Value>, _ new: SortedMap<Value>
    ) -> [String] {
        SortedMap((old.keys + new.keys).map { ($0, true) }).keys
    }

    private static func group(_ name: String, _ old: TaskGroup?, _ new: TaskGroup?) -> Group {
        let (before, after) = (old?.diffTree ?? .none, new?.diffTree ?? .none)
        let oldTasks = SortedMap((old?.tasks ?? []).map { ($0.name, $0) })
        let newTasks = SortedMap((new?.tasks ?? []).map { ($0.name, $0) })
        var diff = Group(
            kind: .none, name: name, fields: DiffTree.fields(before, after, showsEqual: false),
            objects: DiffTree.objects(before, after),
            tasks: names(oldTasks, newTasks).map { task($0, oldTasks[$0], newTasks[$0]) })
        diff.kind = kind(
            old == nil, new == nil,
            isEdited: !diff.fields.isEmpty || !diff.objects.isEmpty
                || diff.tasks.contains { $0.kind != .none })
        return diff
    }

    private static func task(_ name: String, _ old: JobTask?, _ new: JobTask?) -> TaskDiff {
        let (before, after) = (old?.diffTree ?? .none, new?.diffTree ?? .none)
        var diff = TaskDiff(
            kind: .none, name: name, fields: DiffTree.fields(before, after, showsEqual: false),
            objects: DiffTree.objects(before, after))
        diff.kind = kind(
            old == nil, new == nil, isEdited: !diff.fields.isEmpty || !diff.objects.isEmpty)
        return diff
    }
}

extension JobDiff.Group {
    private static let forcesCreate = "forces create"
    private static let forcesDestroy = "forces destroy"
    private static let inPlace = "forces in-place update"
    private static let destructive = "forces create/destroy update"

    fileprivate mutating func annotate(_ desired: DesiredUpdates?) {
        if let desired { updates = Self.numbers(desired) }
        for place in fields.indices where fields[place].name == "Count" {
            let (old, new) = (Int(fields[place].old) ?? 0, Int(fields[place].new) ?? 0)
            if old != new {
                fields[place].annotations = [old < new ? Self.forcesCreate : Self.forcesDestroy]
            }
        }
        for place in tasks.indices where tasks[place].kind != .none {
            tasks[place].annotations = [annotation(of: tasks[place])]
        }
    }

    private func annotation(of task: JobDiff.TaskDiff) -> String {
        switch kind {
        case .added: return Self.forcesCreate
        case .deleted: return Self.forcesDestroy
        case .edited, .none: break
        }
        let staysInPlace =
            task.kind == .edited && task.fields.allSatisfy { $0.name == "KillTimeout" }
            && task.objects.allSatisfy {
                ["Affinity", "Constraint", "LogConfig", "RestartPolicy"].contains($0.name)
            }
        return staysInPlace ? Self.inPlace : Self.destructive
    }

    private static func numbers(_ desired: DesiredUpdates) -> SortedMap<Int> {
        let all: SortedMap<Int> = [
            "canary": desired.canary, "create": desired.place,
            "create/destroy update": desired.destructiveUpdate, "destroy": desired.stop,
            "ignore": desired.ignore, "in-place update": desired.inPlaceUpdate,
            "migrate": desired.migrate, "preemption": desired.preemptions,
        ]
        return SortedMap(all.compactMap { $0.value > 0 ? ($0.key, $0.value) : nil })
    }
}
