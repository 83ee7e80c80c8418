"""A certificate authority for one test, made with openssl."""
import os
import subprocess

GOOD_FOR_DAYS = 2


class Authority:
    def __init__(self, folder, name="ca"):
        self._folder = folder
        self._name = name
        self.certificate, self.key = self._paths(name)
        self._openssl("req", "-x509", "-nodes", *self._new_key(self.key),
                      "-days", str(GOOD_FOR_DAYS), "-subj", f"/CN=Test authority {name}",
                      "-addext", "basicConstraints=critical,CA:TRUE",
                      "-addext", "keyUsage=critical,keyCertSign,cRLSign",
                      "-out", self.certificate)

    def expired(self):
        """A file with a certificate of the same name and key that ended yesterday."""
        certificate, _ = self._paths(f"{self._name}-expired")
        self._openssl("x509", "-in", self.certificate, "-signkey", self.key, "-days", "-1",
                      "-out", certificate)
        return certificate

    def issue(self, name, alternative_names="", days=GOOD_FOR_DAYS):
        """(certificate file, key file), signed by this authority. Names as DNS:…,IP:…,URI:…"""
        certificate, key = self._paths(name)
        request = os.path.join(self._folder, f"{name}.csr")
        extensions = os.path.join(self._folder, f"{name}.ext")
        with open(extensions, "w", encoding="ascii") as file:
            file.write("basicConstraints=critical,CA:FALSE\n")
            if alternative_names:
                file.write(f"subjectAltName={alternative_names}\n")
        self._openssl("req", "-nodes", *self._new_key(key), "-subj", f"/CN={name}", "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key,
                      "-CAcreateserial", "-days", str(days), "-extfile", extensions,
                      "-out", certificate)
        return certificate, key

    def serial(self, certificate):
        """As hexadecimal digits."""
        return self._openssl("x509", "-noout", "-serial", "-in", certificate).strip().split("=")[1]

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
        return done.stdout
