"""A certificate authority for one test, made with openssl."""
import os
import subprocess


class Authority:
    def __init__(self, folder, name="ca"):
        self._folder = folder
        self.certificate, self.key = self._paths(name)
        self._openssl("req", "-x509", "-nodes", *self._new_key(self.key), "-days", "2", "-subj",
                      f"/CN=Test authority {name}", "-addext", "basicConstraints=critical,CA:TRUE",
                      "-addext", "keyUsage=critical,keyCertSign,cRLSign",
                      "-out", self.certificate)

    def issue(self, name, alternative_names=""):
        """(certificate file, key file), signed by this authority. Names as DNS:…,IP:…"""
        certificate, key = self._paths(name)
        request = os.path.join(self._folder, f"{name}.csr")
        extensions = os.path.join(self._folder, f"{name}.ext")
        with open(extensions, "w", encoding="ascii") as file:
            file.write("basicConstraints=critical,CA:FALSE\n")
            if alternative_names:
                file.write(f"subjectAltName={alternative_names}\n")
        self._openssl("req", "-nodes", *self._new_key(key), "-subj", f"/CN={name}", "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key,
                      "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", certificate)
        return certificate, key

    def _paths(self, name):
        return (os.path.join(self._folder, f"{name}.pem"),
                os.path.join(self._folder, f"{name}.key"))

    @staticmethod
    def _new_key(path):
        return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-keyout", path

    @staticmethod
    def _openssl(*arguments):
        done = subprocess.run(["/usr/bin/openssl", *arguments], capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            raise AssertionError(f"openssl {arguments[0]}: {done.stderr}")
