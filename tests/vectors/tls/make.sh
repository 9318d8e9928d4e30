#!/bin/sh
# Makes the files of this folder anew, in the folder where it is run. See README.md.
set -eu
years() { echo "-days 36500"; }
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key -out root.pem -subj "/CN=Root" $(years)
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout between.key -out between.csr -subj "/CN=Between"
printf 'basicConstraints=critical,CA:TRUE\n' > ca.ext
openssl x509 -req -in between.csr -CA root.pem -CAkey root.key -CAcreateserial -extfile ca.ext -out between.pem $(years)
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout open.key -out request.pem -subj "/CN=zk1"
printf 'subjectAltName=DNS:zk1\n' > member.ext
openssl x509 -req -in request.pem -CA between.pem -CAkey between.key -CAcreateserial -extfile member.ext -out member.pem $(years)
cat member.pem between.pem > chain.pem
openssl x509 -req -in request.pem -signkey open.key -out version-1.pem $(years)
openssl pkcs8 -topk8 -v2 aes256 -in open.key -out aes.key -passout pass:changeit
openssl pkcs8 -topk8 -v1 PBE-MD5-DES -provider legacy -provider default -in open.key -out des.key -passout pass:changeit
openssl ec -aes256 -in open.key -out traditional.key -passout pass:changeit
openssl pkey -in open.key -pubout -out public.pem
openssl pkey -in open.key -outform der -out key.der
openssl x509 -in member.pem -outform der -out member.der
cat between.pem root.pem > above.pem
openssl pkcs12 -export -inkey open.key -in member.pem -certfile above.pem -name zk1 -out member.p12 -passout pass:changeit
openssl pkcs12 -export -legacy -inkey open.key -in member.pem -certfile above.pem -name zk1 -out legacy.p12 -passout pass:changeit
keytool -importcert -noprompt -alias root -file root.pem -keystore trust.p12 -storetype PKCS12 -storepass changeit
keytool -importkeystore -noprompt -srckeystore member.p12 -srcstorepass changeit -destkeystore java.p12 -deststoretype PKCS12 -deststorepass changeit
keytool -importkeystore -noprompt -srckeystore member.p12 -srcstorepass changeit -destkeystore member.jks -deststoretype JKS -deststorepass changeit
keytool -importkeystore -noprompt -srckeystore member.p12 -srcstorepass changeit -destkeystore member.jceks -deststoretype JCEKS -deststorepass changeit
cp java.p12 two-keys.p12
keytool -genkeypair -alias other -keyalg EC -groupname secp256r1 -dname CN=zk2 -validity 36500 -keystore two-keys.p12 -storepass changeit
rm -f root.key between.key between.csr ca.ext member.ext above.pem between.pem ./*.srl
