// Package e2e drives the built gnomon binary with the clients that people have: AWS SDKs for Go, Python and JavaScript,
// and the AWS CLI. Nothing of the house is imported; what a test knows of the server, a stranger knows too.
//
// server_test.go starts and ends servers. Tests of what the machine lacks, such as boto3, skip and say what to install.
package e2e
