package main

import (
	"fmt"
	"regexp"
	"sort"
	"strings"

	"sigs.k8s.io/yaml"
)

type manifest struct {
	Source string      `json:"source"`
	Text   string      `json:"text"`
	Object interface{} `json:"object"`
	Kind   string      `json:"kind"`
	Hook   string      `json:"hook,omitempty"`
}

// The order in which helm installs, and so prints; kinds it does not know come last, by name.
var installOrder = strings.Fields(`PriorityClass Namespace NetworkPolicy ResourceQuota LimitRange
PodSecurityPolicy PodDisruptionBudget ServiceAccount Secret SecretList ConfigMap StorageClass
PersistentVolume PersistentVolumeClaim CustomResourceDefinition ClusterRole ClusterRoleList
ClusterRoleBinding ClusterRoleBindingList Role RoleList RoleBinding RoleBindingList Service DaemonSet
Pod ReplicationController ReplicaSet Deployment HorizontalPodAutoscaler StatefulSet Job CronJob
IngressClass Ingress APIService`)

var separator = regexp.MustCompile(`(?:^|\s*\n)---\s*`)

func splitAndSort(rendered map[string]string) ([]manifest, error) {
	names := make([]string, 0, len(rendered))
	for name := range rendered {
		names = append(names, name)
	}
	sort.Strings(names)
	manifests := []manifest{}
	for _, name := range names {
		for _, text := range separator.Split(rendered[name], -1) {
			found, err := read(name, text)
			if err != nil {
				return nil, err
			}
			if found.Object != nil {
				manifests = append(manifests, found)
			}
		}
	}
	sort.SliceStable(manifests, func(i, j int) bool {
		left, right := rank(manifests[i].Kind), rank(manifests[j].Kind)
		if left == right && left == len(installOrder) {
			return manifests[i].Kind < manifests[j].Kind
		}
		return left < right
	})
	return manifests, nil
}

func rank(kind string) int {
	for place, known := range installOrder {
		if known == kind {
			return place
		}
	}
	return len(installOrder)
}

// read is strict: a key that stands twice is an error here, where helm would take the last.
func read(source, text string) (manifest, error) {
	found := manifest{Source: source, Text: strings.TrimSpace(text)}
	if err := yaml.UnmarshalStrict([]byte(text), &found.Object); err != nil {
		return found, fmt.Errorf("%s: %w in:\n%s", source, err, text)
	}
	if found.Object == nil {
		return found, nil
	}
	object, isTable := found.Object.(table)
	if !isTable {
		return found, fmt.Errorf("%s: not a table:\n%s", source, text)
	}
	found.Kind, _ = object["kind"].(string)
	if found.Kind == "" || object["apiVersion"] == nil {
		return found, fmt.Errorf("%s: no kind or no apiVersion in:\n%s", source, text)
	}
	described, _ := object["metadata"].(table)
	annotations, _ := described["annotations"].(table)
	found.Hook, _ = annotations["helm.sh/hook"].(string)
	return found, nil
}

// readDocuments is for tests that have no YAML library.
func readDocuments(text string) ([]interface{}, error) {
	documents := []interface{}{}
	for _, part := range separator.Split(text, -1) {
		var document interface{}
		if err := yaml.UnmarshalStrict([]byte(part), &document); err != nil {
			return nil, err
		}
		if document != nil {
			documents = append(documents, document)
		}
	}
	return documents, nil
}
