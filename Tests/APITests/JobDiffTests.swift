// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON
import Testing

private func job(count: Int = 1, cpu: Int = 100, image: String = "redis:3") throws -> Job {
    let text = """
        {"Job":{"ID":"j","Datacenters":["dc1"],"Constraints":[{"LTarget":"${attr.k}","RTarget":"l"}],
        "TaskGroups":[{"Name":"g","Count":\(count),"Tasks":[{"Name":"t","Driver":"docker",
        "Config":{"image":"\(image)","ports":["db","web"]},"Resources":{"CPU":\(cpu)}}]}]}}
        """
    return try JobRegisterRequest.parse(body: Array(text.utf8)).job
}

private func encoded(_ value: some JSONWritable) -> String {
    String(decoding: JSONWriter.encode(value), as: UTF8.self)
}

@Suite("What differs between jobs") struct JobDiffTests {
    @Test("Equal jobs differ in nothing, whatever the state has added")
    func equal() throws {
        var stored = try job()
        stored.version = 7
        stored.status = .running
        stored.modifyIndex = 9
        let diff = JobDiff.between(stored, try job())
        #expect(diff.kind == .none && diff.fields.isEmpty && diff.objects.isEmpty)
        #expect(diff.groups.map(\.kind) == [.none] && diff.groups[0].tasks.map(\.kind) == [.none])
    }

    @Test("A count and a resource are edited, with what follows of them")
    func edited() throws {
        var updates = DesiredUpdates()
        updates.place = 2
        updates.destructiveUpdate = 1
        let diff = JobDiff.between(try job(), try job(count: 3, cpu: 200), updates: ["g": updates])
        #expect(diff.kind == .edited)
        let group = diff.groups[0]
        #expect(
            group.fields.map { "\($0.kind.rawValue) \($0.name) \($0.old) \($0.new)" }
                == ["Edited Count 1 3"])
        #expect(group.fields[0].annotations == ["forces create"])
        #expect(group.updates == ["create": 2, "create/destroy update": 1])
        let task = group.tasks[0]
        #expect(task.annotations == ["forces create/destroy update"])
        #expect(task.objects.map(\.name) == ["Resources"])
        let fields = task.objects[0].fields
        #expect(
            fields.map(\.name) == ["CPU", "Cores", "MemoryMB", "MemoryMaxMB"]
                && fields.map(\.kind) == [.edited, .none, .none, .none])
    }

    @Test("A driver's settings are compared by their paths")
    func settings() throws {
        let diff = JobDiff.between(try job(), try job(image: "redis:4"))
        let config = diff.groups[0].tasks[0].objects[0]
        #expect(config.name == "Config" && config.kind == .edited)
        #expect(
            config.fields.map { "\($0.kind.rawValue) \($0.name) \($0.old) \($0.new)" } == [
                "Edited image redis:3 redis:4", "None ports[0] db db", "None ports[1] web web",
            ])
    }

    @Test("What is new is added, and what is gone deleted")
    func addedAndDeleted() throws {
        let added = JobDiff.between(nil, try job())
        #expect(added.kind == .added && added.id == "j")
        #expect(added.groups[0].kind == .added && added.groups[0].tasks[0].kind == .added)
        #expect(added.groups[0].tasks[0].annotations == ["forces create"])
        #expect(added.fields.contains { $0.name == "Priority" && $0.new == "50" })
        // What is empty is not told.
        #expect(!added.fields.contains { $0.name == "ParentID" })

        var other = try job()
        other.groups[0].name = "h"
        other.constraints = [Constraint("${attr.k}", "=", "m")]
        let diff = JobDiff.between(try job(), other)
        #expect(diff.groups.map { "\($0.name) \($0.kind.rawValue)" } == ["g Deleted", "h Added"])
        #expect(diff.groups[0].tasks[0].annotations == ["forces destroy"])
        #expect(
            diff.objects.map { "\($0.kind.rawValue) \($0.name)" }
                == ["Deleted Constraint", "Added Constraint"])
    }

    @Test("Changes of logs and time limits are made in place")
    func inPlace() throws {
        var other = try job()
        other.groups[0].tasks[0].killTimeout = .seconds(9)
        other.groups[0].tasks[0].logs.maxFiles = 3
        let task = JobDiff.between(try job(), other).groups[0].tasks[0]
        #expect(task.annotations == ["forces in-place update"])
        #expect(task.fields.map(\.new) == ["9000000000"])
    }

    @Test("The answer has Go's order and nulls")
    func json() throws {
        let text = encoded(JobDiff.between(try job(), try job(count: 0)))
        #expect(
            text.hasPrefix(
                #"{"Fields":null,"ID":"j","Objects":null,"TaskGroups":[{"Fields":[{"Annotations":["#
                    + #""forces destroy"],"Name":"Count","New":"0","Old":"1","Type":"Edited"}],"#
                    + #""Name":"g","Objects":null,"Tasks":["#), "\(text)")
        #expect(text.hasSuffix(#""Type":"Edited","Updates":null}],"Type":"Edited"}"#))
        var annotations = PlanAnnotations()
        annotations.desiredUpdates["g"] = DesiredUpdates()
        #expect(
            encoded(annotations)
                == #"{"DesiredTGUpdates":{"g":{"Canary":0,"DestructiveUpdate":0,"Ignore":0,"#
                + #""InPlaceUpdate":0,"Migrate":0,"Place":0,"Preemptions":0,"Stop":0}},"#
                + #""PreemptedAllocs":null}"#)
    }
}
