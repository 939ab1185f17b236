// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletHCL
import MartletJSON
import Testing

@testable import MartletCLI

/// Job files in HCL: what they become, and what is refused and where.
@Suite("Job files") struct JobFileTests {
    private func json(_ text: String) throws -> String {
        String(decoding: JSONWriter.encode(try JobFile.job(in: Array(text.utf8))), as: UTF8.self)
    }

    private func fault(_ text: String) -> String {
        do throws(HCLError) {
            _ = try JobFile.job(in: Array(text.utf8))
            return "no fault"
        } catch {
            return "\(error)"
        }
    }

    private static let whole = """
        # What a job can say.
        job "web" {
          datacenters = ["dc1", "dc2"]
          type        = "service"
          priority    = 70
          node_pool   = "all"
          meta { team = "blue" }
          constraint {
            attribute = "${attr.kernel.name}"
            value     = "linux"
          }
          constraint { distinct_hosts = true }
          constraint { distinct_property = "${meta.rack}" }
          update {
            max_parallel     = 2
            min_healthy_time = "10s"
            auto_revert      = true
            canary           = 1
          }
          group "front" {
            count = 3
            affinity {
              attribute = "${node.class}"
              regexp    = "^fast"
              weight    = 75
            }
            spread {
              attribute = "${node.datacenter}"
              target "dc1" { percent = 70 }
              target "dc2" { percent = 30 }
            }
            network {
              mode = "host"
              port "http" { static = 8080 }
              port "admin" {}
              dns { servers = ["10.0.0.1"] }
            }
            ephemeral_disk { size = 500  sticky = true }
            restart { attempts = 3  interval = "1m30s"  delay = "5s"  mode = "delay" }
            reschedule { unlimited = true  delay_function = "constant" }
            migrate { max_parallel = 2 }
            volume "data" { type = "host"  source = "disk1"  read_only = true }
            task "serve" {
              driver = "mock_driver"
              user   = "www"
              config {
                run_for = "1h"
                args    = ["-p", "${NOMAD_PORT_http}"]
                ratio   = 0.5
                mount { source = "a" }
                mount { source = "b" }
              }
              env { PORT = 8080  DEBUG = true  NAME = "${node.unique.name}" }
              resources {
                cpu    = 250
                memory = 128
                device "nvidia/gpu" {
                  count = 2
                  constraint { attribute = "${device.attr.memory}"  operator = ">="  value = "2 GiB" }
                }
              }
              kill_timeout = "20s"
              lifecycle { hook = "prestart"  sidecar = true }
              logs { max_files = 2 }
              volume_mount { volume = "data"  destination = "/data" }
            }
            task "main" { driver = "mock_driver" }
          }
        }
        """

    @Test("All that a job has is read, and the API takes what comes of it")
    func everything() throws {
        let text = try json(Self.whole)
        let node = try JSONReader.parse(Array(text.utf8), limits: SchedulingBounds.jobLimits)
        let read = try Job.decode(from: node)
        #expect(read.ignoredFields.isEmpty)
        #expect(read.validate().errors.isEmpty)
        let job = read.job
        #expect((job.id, job.name, job.priority, job.nodePool) == ("web", "web", 70, "all"))
        #expect(job.datacenters == ["dc1", "dc2"] && job.meta["team"] == "blue")
        #expect(
            job.constraints == [
                Constraint("${attr.kernel.name}", "=", "linux"), Constraint("", "distinct_hosts"),
                Constraint("${meta.rack}", "distinct_property"),
            ])
        let group = try #require(job.groups.first)
        #expect(group.name == "front" && group.count == 3)
        #expect(group.update?.canary == 1 && group.update?.maxParallel == 2)
        #expect(group.affinities == [Affinity("${node.class}", "regexp", "^fast", weight: 75)])
        #expect(group.spreads.first?.targets.map(\.percent) == [70, 30])
        let network = try #require(group.networks.first)
        #expect(network.reservedPorts.map(\.value) == [8080])
        #expect(network.dynamicPorts.map(\.label) == ["admin"])
        #expect(network.dns?.servers == ["10.0.0.1"])
        #expect(group.ephemeralDisk.sizeMB == 500 && group.ephemeralDisk.isSticky)
        #expect(group.restartPolicy?.interval == .seconds(90))
        #expect(group.reschedulePolicy?.delayFunction == .constant)
        #expect(group.volumes["data"]?.isReadOnly == true)
        let task = try #require(group.tasks.first)
        #expect((task.name, task.driver, task.user) == ("serve", "mock_driver", "www"))
        #expect(task.environment["PORT"] == "8080" && task.environment["DEBUG"] == "true")
        #expect(task.environment["NAME"] == "${node.unique.name}")
        #expect(task.resources.cpu == 250 && task.resources.devices.first?.count == 2)
        #expect(task.resources.devices.first?.constraints.first?.operand == ">=")
        #expect(task.killTimeout == .seconds(20) && task.lifecycle?.isSidecar == true)
        #expect(task.logs.maxFiles == 2 && task.volumeMounts.first?.destination == "/data")
        #expect(
            text.contains(
                #""Config":{"run_for":"1h","args":["-p","${NOMAD_PORT_http}"],"ratio":0.5,"#
                    + #""mount":[{"source":"a"},{"source":"b"}]}"#))
    }

    @Test("An id and a name may be given beside the label")
    func identity() throws {
        #expect(try json(#"job "a" {}"#) == #"{"ID":"a","Name":"a"}"#)
        #expect(try json(#"job "a" { id = "b" }"#) == #"{"Name":"a","ID":"b"}"#)
        #expect(try json(#"job "a" { name = "c" }"#) == #"{"ID":"a","Name":"c"}"#)
    }

    struct Fault: Sendable, CustomTestStringConvertible {
        let text: String
        let message: String
        var testDescription: String { message }

        init(_ text: String, _ message: String) {
            self.text = text
            self.message = message
        }
    }

    private static let outside = "is outside the subset of job files that is read here"

    static let faults = [
        Fault("", #"1:1: a job file holds job "NAME" { … }"#),
        Fault("job {}", #"1:1: a job file holds job "NAME" { … }"#),
        Fault(#"jbo "a" {}"#, #"1:1: unknown key "jbo": a job file holds job "NAME" { … }"#),
        Fault("job \"a\" {}\njob \"b\" {}", "2:1: a job file holds one job, not 2"),
        Fault(
            "job \"a\" {\n  prioritty = 1\n}",
            #"2:3: unknown key "prioritty" in "job": did you mean "priority"?"#),
        Fault(
            "job \"a\" {\n  group \"g\" {\n    tsak \"t\" {}\n  }\n}",
            #"3:5: unknown key "tsak" in "group": did you mean "task"?"#),
        Fault(#"job "a" { zzzzzzzz = 1 }"#, #"1:11: unknown key "zzzzzzzz" in "job""#),
        Fault(#"job "a" { periodic {} }"#, "1:11: \"periodic\" in \"job\" \(outside)"),
        Fault(
            #"job "a" { group "g" { service {} } }"#, "1:23: \"service\" in \"group\" \(outside)"),
        Fault(
            #"job "a" { dynamic "group" {} }"#,
            "1:11: \"dynamic\" \(outside): write the blocks themselves"),
        Fault(
            "variable \"n\" {}\njob \"a\" {}",
            "1:1: \"variable\" \(outside): variables and functions; write the values themselves"),
        Fault(
            #"job "a" { priority = var.n }"#,
            #"1:22: "var.n" begins an expression, and variables and functions are outside the "#
                + "subset of HCL that is read here: write the value itself"),
        Fault(
            #"job "a" { name = upper("x") }"#,
            #"1:18: "upper" begins an expression, and variables and functions are outside the "#
                + "subset of HCL that is read here: write the value itself"),
        Fault(
            #"job "a" { name = "x-${var.n}" }"#,
            "1:18: \"${var.n}\" \(outside): variables, functions and other expressions; write the "
                + "value itself"),
        Fault(
            #"job "a" { name = "${upper("x")}" }"#,
            "1:18: \"${upper(\"x\")}\" \(outside): variables, functions and other expressions; "
                + "write the value itself"),
        Fault(
            #"job "a" { priority = "high" }"#,
            #"1:22: "priority" must be a whole number, not a string"#),
        Fault(
            #"job "a" { priority = 1.5 }"#,
            #"1:22: "priority" must be a whole number that fits 64 bits, not "1.5""#),
        Fault(
            #"job "a" { priority = 99999999999999999999 }"#,
            #"1:22: "priority" must be a whole number that fits 64 bits, not "#
                + #""99999999999999999999""#),
        Fault(
            #"job "a" { all_at_once = "true" }"#,
            #"1:25: "all_at_once" must be true or false, not a string"#),
        Fault(
            #"job "a" { datacenters = "dc1" }"#,
            #"1:25: "datacenters" must be a list, not a string"#),
        Fault(
            #"job "a" { update { stagger = 30 } }"#,
            #"1:30: "stagger" must be a duration such as "30s", not a number"#),
        Fault(
            #"job "a" { update { stagger = "30 apples" } }"#,
            #"1:30: "stagger" must be a duration such as "30s" or "1m30s", not "30 apples""#),
        Fault(
            #"job "a" { update { stagger = "9999999999h" } }"#,
            #"1:30: "stagger" must be a duration such as "30s" or "1m30s", not "9999999999h""#),
        Fault(
            "job \"a\" {\n priority = 1\n priority = 2\n}", #"3:2: "priority" is given twice"#),
        Fault(
            "job \"a\" {\n update {}\n update {}\n}", #"3:2: "update" is given twice"#),
        Fault(
            "job \"a\" {\n meta { a = \"1\" }\n meta { a = \"2\" }\n}",
            #"3:9: "a" is given twice"#),
        Fault(
            "job \"a\" {\n group \"g\" {}\n group \"g\" {}\n}",
            #"3:8: there are two of "group" "g""#),
        Fault(
            #"job "a" { group "g" { volume "v" {} volume "v" {} } }"#,
            #"1:44: there are two of "volume" "v""#),
        Fault(
            #"job "a" { group { count = 1 } }"#,
            #"1:27: "group" "count" must be a block, with { … }, not a number"#),
        Fault(
            #"job "a" { constraint { regexp = "a" version = "1" } }"#,
            "1:37: a rule has one operator, and one value"),
        Fault(
            #"job "a" { constraint { regexp = "a" value = "1" } }"#,
            "1:37: a rule has one operator, and one value"),
        Fault(
            #"job "a" { constraint { distinct_hosts = false } }"#,
            #"1:24: "distinct_hosts" = false says nothing: leave the block out"#),
        Fault(
            #"job "a" { affinity { wieght = 5 } }"#,
            #"1:22: unknown key "wieght" in "affinity": did you mean "weight"?"#),
        Fault(
            #"job "a" { group "g" { task "t" { config { x = 1e999 } } } }"#,
            #"1:47: "x" is a number that is too large"#),
        Fault(#"job "a" { meta { a = [] } }"#, #"1:22: "a" must be a text, not a list"#),
        Fault(#"{"job": {}}"#, #"1:1: expected a key, found "{""#),
    ]

    @Test("What is wrong is told with its place, and what would be right", arguments: faults)
    func refused(_ given: Fault) {
        #expect(fault(given.text) == given.message)
    }

    @Test("A hostile file is refused: too deep, too long, not text")
    func hostile() {
        let deep = String(repeating: "a {", count: 10_000)
        #expect(fault("job \"x\" { group \"g\" { task \"t\" { config { \(deep)").contains("deeper"))
        let lists = String(repeating: "[", count: 10_000)
        #expect(fault("job \"x\" { datacenters = \(lists)").contains("nested deeper than 64"))
        #expect(fault(String(repeating: " ", count: 1 << 20) + "job").contains("larger than"))
        #expect(fault("job \"x\0\" {}") == "1:7: a NUL byte")
        do throws(HCLError) {
            _ = try JobFile.job(in: Array("job \"".utf8) + [0xff, 0xc0] + Array("\" {}".utf8))
            Issue.record("bytes that are no text were read")
        } catch {
            #expect("\(error)" == "1:6: bytes that are not UTF-8")
        }
        #expect(fault("\u{feff}job \"x\" {}").contains("byte order mark"))
        let esc = fault("job \"x\" { \"\u{1b}[2J\" = 1 }")
        #expect(!esc.contains("\u{1b}"))
    }

    @Test("A driver's settings may be as deep as a file may, and stay JSON the API takes")
    func deepConfig() throws {
        let deep = String(repeating: "a { ", count: 50) + String(repeating: "}", count: 50)
        let text = try json("job \"x\" { group \"g\" { task \"t\" { config { \(deep) } } } }")
        _ = try JSONReader.parse(Array(text.utf8), limits: SchedulingBounds.jobLimits)
    }
}
