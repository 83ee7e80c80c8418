package main

import (
	"fmt"

	"github.com/Masterminds/semver/v3"
)

type kubeVersion struct {
	Version, Major, Minor string
}

func (v kubeVersion) String() string     { return v.Version }
func (v kubeVersion) GitVersion() string { return v.Version }

type versionSet []string

func (set versionSet) Has(version string) bool {
	for _, known := range set {
		if known == version {
			return true
		}
	}
	return false
}

type capabilities struct {
	KubeVersion kubeVersion
	APIVersions versionSet
	HelmVersion table
}

// What any cluster has that the chart may ask for.
var builtIn = []string{"v1", "apps/v1", "batch/v1", "coordination.k8s.io/v1", "networking.k8s.io/v1",
	"policy/v1", "rbac.authorization.k8s.io/v1"}

// checkKubeVersion refuses, as helm does, a cluster that is not what Chart.yaml asks for.
func checkKubeVersion(wanted, there string) error {
	if wanted == "" {
		return nil
	}
	constraint, err := semver.NewConstraint(wanted)
	if err != nil {
		return fmt.Errorf("kubeVersion %q: %w", wanted, err)
	}
	version, err := semver.NewVersion(there)
	if err != nil {
		return fmt.Errorf("--kube-version %q: %w", there, err)
	}
	if !constraint.Check(version) {
		return fmt.Errorf("chart requires kubeVersion: %s which is incompatible with Kubernetes v%s", wanted, version)
	}
	return nil
}

func capabilitiesOf(asked request) (capabilities, error) {
	parsed, err := semver.NewVersion(asked.KubeVersion)
	if err != nil {
		return capabilities{}, fmt.Errorf("--kube-version %q: %w", asked.KubeVersion, err)
	}
	return capabilities{
		KubeVersion: kubeVersion{"v" + parsed.String(), fmt.Sprint(parsed.Major()), fmt.Sprint(parsed.Minor())},
		APIVersions: append(append(versionSet{}, builtIn...), asked.APIVersions...),
		HelmVersion: table{"Version": "v3.14.0"},
	}, nil
}
