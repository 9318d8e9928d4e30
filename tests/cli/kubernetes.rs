//! `packaging/kubernetes.yaml`: its fields, and that what a pod of it runs is a node whose probes answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::Command,
};

use serde::Deserialize;
use serde_json::Value;

use super::{Node, PATIENCE, file, leaders::ensemble, run, text};

/// The fields of Kubernetes that stand in the file. A name that is not known there is ignored or refused by a cluster, and there is none here.
const FIELDS: &str = "
    accessModes affinity allowPrivilegeEscalation apiVersion app args capabilities clusterIP command configMap containerPort containers cpu data drop
    env failureThreshold fsGroup httpGet image kind labelSelector labels livenessProbe matchLabels maxUnavailable memory metadata mountPath name path
    periodSeconds podAntiAffinity podManagementPolicy port ports publishNotReadyAddresses readOnly readOnlyRootFilesystem readinessProbe replicas requests
    requiredDuringSchedulingIgnoredDuringExecution resources runAsGroup runAsNonRoot runAsUser securityContext selector serviceName spec storage template
    terminationGracePeriodSeconds timeoutSeconds topologyKey value volumeClaimTemplates volumeMounts volumes";

/// The objects of the file, by their kind.
fn objects() -> BTreeMap<String, Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/kubernetes.yaml");
    let text = fs::read_to_string(path).unwrap();
    let documents = serde_yaml_ng::Deserializer::from_str(&text);
    let objects = documents.map(|document| Value::deserialize(document).unwrap());
    objects.map(|object| (object["kind"].as_str().unwrap().to_owned(), object)).collect()
}

fn field_names(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                // The data of a config map has names of its own.
                if !name.contains('.') {
                    names.insert(name.clone());
                }
                field_names(value, names);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| field_names(value, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The number of the port of this name.
fn port(ports: &Value, name: &str, field: &str) -> u64 {
    let ports = ports.as_array().unwrap();
    ports.iter().find(|port| port["name"] == name).unwrap()[field].as_u64().unwrap()
}

fn container(objects: &BTreeMap<String, Value>) -> &Value {
    &objects["StatefulSet"]["spec"]["template"]["spec"]["containers"][0]
}

fn variable<'a>(container: &'a Value, name: &str) -> &'a str {
    let variables = container["env"].as_array().unwrap();
    variables.iter().find(|variable| variable["name"] == name).unwrap()["value"].as_str().unwrap()
}

#[test]
fn each_field_is_one_of_kubernetes_and_they_fit_together() {
    let objects = objects();
    let kinds: Vec<_> = objects.keys().map(String::as_str).collect();
    assert_eq!(kinds, ["ConfigMap", "PodDisruptionBudget", "Service", "StatefulSet"]);
    let known: BTreeSet<_> = FIELDS.split_whitespace().map(str::to_owned).collect();
    let mut names = BTreeSet::new();
    for object in objects.values() {
        field_names(object, &mut names);
    }
    assert_eq!(names, known);

    let (service, set) = (&objects["Service"], &objects["StatefulSet"]["spec"]);
    assert_eq!(
        (&service["spec"]["clusterIP"], &set["serviceName"]),
        (&Value::from("None"), &service["metadata"]["name"])
    );
    assert_eq!(service["spec"]["publishNotReadyAddresses"], true);
    assert_eq!(set["podManagementPolicy"], "Parallel");
    let labels = &set["template"]["metadata"]["labels"];
    let budget = &objects["PodDisruptionBudget"]["spec"];
    for selector in [
        &service["spec"]["selector"],
        &set["selector"]["matchLabels"],
        &budget["selector"]["matchLabels"],
    ] {
        assert_eq!(selector, labels);
    }
    let container = container(&objects);
    assert_eq!(container["image"], concat!("ballotbox:", env!("CARGO_PKG_VERSION")));
    for name in ["election", "status"] {
        let of_pod = port(&container["ports"], name, "containerPort");
        assert_eq!(port(&service["spec"]["ports"], name, "port"), of_pod);
    }
    let status = port(&container["ports"], "status", "containerPort");
    assert_eq!(variable(container, "BALLOTBOX_NODE_STATUS"), format!("0.0.0.0:{status}"));
    // One member at most is away by will, and the others are a quorum.
    let replicas = set["replicas"].as_u64().unwrap();
    assert!((replicas - budget["maxUnavailable"].as_u64().unwrap()) * 2 > replicas);
    // The root cannot be written, so what the node keeps is on the volume.
    let mounts = container["volumeMounts"].as_array().unwrap();
    let volume = &set["volumeClaimTemplates"][0]["metadata"]["name"];
    let kept = mounts.iter().find(|mount| mount["name"] == *volume).unwrap()["mountPath"]
        .as_str()
        .unwrap();
    let command = container["args"][0].as_str().unwrap();
    assert!(command.contains(&format!("--data-dir {kept}/")), "{command}");
}

#[test]
fn the_members_of_its_config_map_are_its_pods() {
    let objects = objects();
    let set = &objects["StatefulSet"];
    let votes = objects["ConfigMap"]["data"]["votes.json"].as_str().unwrap();
    let path = file("kubernetes-votes.json", votes);
    let output = run(&["check", "--strict", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let container = container(&objects);
    assert!(variable(container, "BALLOTBOX_NODE_VOTES").ends_with("/votes.json"));
    let election = port(&container["ports"], "election", "containerPort");
    let (name, service) =
        (set["metadata"]["name"].as_str().unwrap(), set["spec"]["serviceName"].as_str().unwrap());
    let votes: Value = serde_json::from_str(votes).unwrap();
    let members = votes["members"].as_array().unwrap();
    assert_eq!(members.len() as u64, set["spec"]["replicas"].as_u64().unwrap());
    for (id, member) in members.iter().enumerate() {
        assert_eq!(member["id"], id);
        assert_eq!(member["election"], format!("{name}-{id}.{service}:{election}"));
    }
}

/// A node, as the shell of a pod starts it: what differs is where it listens and what it keeps where.
fn pod(container: &Value, id: u64, votes: &Path, data: &Path) -> Node {
    let command = container["args"][0].as_str().unwrap();
    let command = command.replace("/var/lib/ballotbox/data", data.to_str().unwrap());
    let shell: Vec<_> = container["command"]
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap())
        .collect();
    let binary = Path::new(env!("CARGO_BIN_EXE_ballotbox")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let mut pod = Command::new(shell[0]);
    pod.args(&shell[1..]).arg(format!("{command} --json"));
    pod.env("PATH", path).env("HOSTNAME", format!("ballotbox-{id}"));
    pod.env("BALLOTBOX_NODE_VOTES", votes).env("BALLOTBOX_NODE_STATUS", "127.0.0.1:0");
    Node::spawned(&mut pod)
}

/// The code with which this probe is answered.
fn probed(probe: &Value, port: &str) -> u16 {
    let path = probe["httpGet"]["path"].as_str().unwrap();
    let mut stream = TcpStream::connect(port).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// While its ensemble is not there a pod is alive, so it is not started again, and not ready.
#[test]
fn its_pods_run_nodes_whose_probes_answer() {
    let objects = objects();
    let container = container(&objects);
    let (alive, ready) = (&container["livenessProbe"], &container["readinessProbe"]);
    assert_eq!(
        (&alive["httpGet"]["port"], &ready["httpGet"]["port"]),
        (&Value::from("status"), &Value::from("status"))
    );
    let (votes, data) = ensemble("pods", 2);
    let start = |id| {
        let mut node = pod(container, id, &votes, &data.join(id.to_string()));
        let listening = node.until(|event| event["event"] == "listening");
        assert_eq!(listening["id"], id);
        (node, listening["status"].as_str().unwrap().to_owned())
    };
    let (mut first, first_port) = start(1);
    assert_eq!((probed(alive, &first_port), probed(ready, &first_port)), (200, 503));
    let (mut second, second_port) = start(2);
    second.until(|event| event["event"] == "leading");
    first.until(|event| event["event"] == "following");
    for port in [&first_port, &second_port] {
        assert_eq!((probed(alive, port), probed(ready, port)), (200, 200));
    }
    // The shell has become the node, so SIGTERM reaches it.
    assert_eq!(second.end("-TERM"), Some(0));
    assert_eq!(first.end("-TERM"), Some(0));
}
